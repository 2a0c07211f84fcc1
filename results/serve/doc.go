// Package serve shows the runs of a folder in a browser: a table to search, filter and sort,
// comparisons of two runs, and trends over many.
//
// Everything shown is computed from the run folders. What was computed is kept in an index, a file of JSON lines in
// the same folder, which can be deleted at any time: it is made again. Folders that cannot be read are
// shown with the reason.
//
// Nothing outside the folder can be read through the server, and a run's files only as files of that
// run: links that lead out of a run's folder are refused, and so are requests whose Host is not the
// server's own, so that no page of another site reads results through a name that it points here.
package serve
