package serve

import (
	"fmt"
	"math"
	"net/url"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/faultline-chaos/faultline/results/format"
)

func timeText(t time.Time) string {
	if t.IsZero() {
		return format.Missing
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

func bytesText(n int64) string { return humanize.IBytes(uint64(max(0, n))) }

func secondsText(v *float64) string {
	if v == nil {
		return format.Missing
	}
	if *v == 0 {
		return "0"
	}
	return format.MS(time.Duration(*v * float64(time.Second)))
}

// axisSeconds is secondsText without needless digits.
func axisSeconds(v *float64) string {
	if v == nil {
		return format.Missing
	}
	if *v >= 1 || *v == 0 {
		return fmt.Sprintf("%g s", round(*v))
	}
	return fmt.Sprintf("%g ms", round(*v*1000))
}

func round(v float64) float64 { return math.Round(v*1e4) / 1e4 }

func percentText(v *float64) string {
	if v == nil {
		return format.Missing
	}
	switch p := *v * 100; {
	case p == 0:
		return "0 %"
	case p < 1:
		return fmt.Sprintf("%.2g %%", p)
	default:
		return fmt.Sprintf("%.3g %%", p)
	}
}

func rateText(v *float64) string {
	if v == nil {
		return format.Missing
	}
	if *v >= 100 {
		return humanize.Comma(int64(math.Round(*v))) + "/s"
	}
	return fmt.Sprintf("%.3g/s", *v)
}

func shiftText(v *float64) string {
	if v == nil {
		return format.Missing
	}
	return minus(fmt.Sprintf("%+.1f %%", *v*100))
}

func effectText(v float64) string { return minus(fmt.Sprintf("%+.2f", v)) }

// minus is the sign that is as wide as a plus.
func minus(s string) string { return strings.Replace(s, "-", "−", 1) }

func pText(p float64) string {
	if p < 0.001 {
		return "< 0.001"
	}
	return fmt.Sprintf("%.3f", p)
}

func runPath(id string) string { return "/runs/" + url.PathEscape(id) + "/" }
