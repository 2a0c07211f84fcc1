// Package page shows one run: report.html, the terminal's summary, summary.md, junit.xml and the CSV
// files of the timeline. [Render] writes them all and may be repeated.
//
// The report is one file that asks for nothing: its data is columns of calls, gzip in base64 (pack.go).
// The order of the page is that of opening it: the code and what its first picture needs (bins of
// 100 ms), then the calls, then figures and words, and last the lines of history and logs, which are
// unpacked at the first click. A worker made from the page's own text (web/columns.js) unpacks and bins
// the calls, so that the page answers meanwhile. Touching memory is most of its cost, so columns are as
// narrow as they can be. A frame draws points, bars and what has a column a pixel into images
// (web/layers.js), so that its cost does not grow with the calls. The canvas is as high as any of its
// views: another size costs more than a picture.
//
// RESULTS_LIMITS=1 go test ./results/page -run '^$' -bench MillionOps -benchtime 1x opens a report of a
// million calls and 240,000 probes, moves through it and fails beyond 3 s, 20 MB and 50 ms a frame (p99).
// Measured with both cores to itself: first picture after 0.5 s, all calls after 2.6 s; 12.7 MB; 17 ms a
// frame (p99). 0.3 s of the opening draw frames that nobody sees, one of each kind: without them the
// first ones of each kind take up to 80 ms, as their code is not compiled yet.
package page
