package results

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/internal/browsertest"
)

// million is a run of 1,000,000 calls and 240,000 probes in ten minutes, with a fault on the leader
// and one on a follower every half a minute.
func million() (Run, history.History) {
	s := newSynthetic(36, 19*mil)
	s.timeout = 400 * mil
	faults := []string{"kill", "pause", "isolate"}
	end := 606 * sec
	for i, at := 0, 10*sec; at < end-40*sec; i, at = i+1, at+30*sec {
		s.add(faults[i%3], true, at, 4*sec, i%4 == 3)
		s.add(faults[i%3], false, at+15*sec, 2*sec, false)
	}
	s.probe(probeEvery, probeTimeout, end-2*sec)
	run, h := s.finish(end)
	run.ID = "million"
	run.ProbeEvery, run.ProbeTimeout = probeEvery, probeTimeout
	return run, h
}

// BenchmarkMillionOps analyzes and renders the run, opens its report in a browser and moves through
// it. RESULTS_LIMITS=1 fails it beyond the limits: open in 3 s, 20 MB, 50 ms a frame (p99). Open is
// until every call is there; a first picture, without calls, is drawn before. On a machine that does other work
// the processor time of the page's main thread tells more: frame-cpu-ms (mean).
func BenchmarkMillionOps(b *testing.B) {
	browser := browsertest.Start(b)
	run, h := million()
	f := writeFolder(b, b.TempDir(), run, h)
	for b.Loop() {
		start := time.Now()
		a, err := AnalyzeFolder(f)
		require.NoError(b, err)
		b.ReportMetric(float64(len(a.calls)), "calls")
		b.ReportMetric(float64(len(a.probes)), "probes")
		b.ReportMetric(time.Since(start).Seconds(), "analyze-s")
		start = time.Now()
		require.NoError(b, Render(f, a))
		b.ReportMetric(time.Since(start).Seconds(), "render-s")
		st, err := os.Stat(f.Path(ReportFile))
		require.NoError(b, err)
		a = Analysis{}
		p := browsertest.Open(b, browser, reportURL(b, f.Dir()), browsertest.Options{Width: 1280, Scheme: "light"})
		p.Wait(timelineDrawn, "the timeline was not drawn")
		cpu := p.CPU()
		before := cpu()
		b.ReportMetric(browsertest.Eval[float64](p, `performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? -1`), "first-paint-ms")
		b.ReportMetric(browsertest.Eval[float64](p, `Number(document.getElementById("timeline").dataset.drawn)`), "first-picture-ms")
		open := browsertest.Eval[float64](p, `Number(document.getElementById("timeline").dataset.ready)`)
		p.Do(moveThrough)
		p.Wait(`"measured" in window`, "the frames were not drawn")
		b.ReportMetric(1000*(cpu()-before)/browsertest.Eval[float64](p, `measured.between.length`), "frame-cpu-ms")
		p99 := browsertest.Eval[float64](p, `measured.between.sort((a, b) => a - b)[Math.floor(measured.between.length * .99)]`)
		draw := browsertest.Eval[float64](p, `Math.max(...measured.draw)`)
		p.Shot(os.Getenv("RESULTS_SHOTS"), "million")
		p.Quiet()
		mb := float64(st.Size()) / 1e6
		b.ReportMetric(open, "open-ms")
		b.ReportMetric(mb, "MB")
		b.ReportMetric(p99, "p99-frame-ms")
		b.ReportMetric(draw, "max-draw-ms")
		if os.Getenv("RESULTS_LIMITS") != "" {
			require.Less(b, open, 3000.0)
			require.Less(b, mb, 20.0)
			require.Less(b, p99, 50.0)
		}
	}
}

// moveThrough zooms in from the whole run to milliseconds, pans, and zooms out, once by member and
// once by client, a step a frame. It keeps the time from frame to frame and what drawing took.
const moveThrough = `
	const c = document.getElementById("timeline"), between = [], draw = [];
	const press = key => c.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
	const keys = [];
	const way = [...Array(14).fill("+"), ...Array(10).fill("ArrowRight"), ...Array(14).fill("-"), "+", "+", ...Array(12).fill("ArrowLeft"), ...Array(12).fill("ArrowRight"), "0"];
	for (const lanes of ["members", "clients"]) keys.push(lanes, ...way);
	let last = 0;
	const step = now => {
		if (last) { between.push(now - last); draw.push(Number(c.dataset.draw)); }
		last = now;
		const key = keys.shift();
		if (!key) { window.measured = {between, draw}; return; }
		if (key.length > 6 && !key.startsWith("Arrow")) document.querySelector('[data-lanes="' + key + '"]').click(); else press(key);
		requestAnimationFrame(step);
	};
	requestAnimationFrame(step)`
