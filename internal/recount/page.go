package recount

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

// numeral is a number in a text; n1, e2, t0 and p90 are names.
var numeral = regexp.MustCompile(`(?:^|[^\pL\pN_])\d`)

// Page holds every number of a report's visible text against the values: each must stand in an element
// that says what it shows, and be that. It says what is wrong, and how many numbers it saw. What
// figures draw is in the CSV beside them.
func (v Values) Page(dir string) (wrong []string, seen int, err error) {
	b, err := os.ReadFile(filepath.Join(dir, "report.html"))
	if err != nil {
		return nil, 0, err
	}
	doc, err := html.Parse(bytes.NewReader(b))
	if err != nil {
		return nil, 0, err
	}
	p := &page{values: v, dir: dir, files: map[string][]string{}, checked: map[*html.Node]bool{}}
	if err := p.excerpts(doc); err != nil {
		return nil, 0, err
	}
	p.walk(doc, nil)
	return p.wrong, p.seen, nil
}

type page struct {
	values  Values
	dir     string
	files   map[string][]string // by lines
	checked map[*html.Node]bool
	wrong   []string
	seen    int
}

func (p *page) fail(format string, args ...any) {
	p.wrong = append(p.wrong, fmt.Sprintf(format, args...))
}

// walk goes through what is shown; named is the nearest element around that says what it shows.
func (p *page) walk(n *html.Node, named *html.Node) {
	if n.Type == html.ElementNode {
		switch n.Data {
		case "script", "style", "svg", "head", "template":
			return
		}
		if _, ok := attr(n, "data-v"); ok {
			named = n
		}
		if _, ok := attr(n, "data-ref"); ok {
			named = n
		}
	}
	if n.Type == html.TextNode && numeral.MatchString(n.Data) {
		p.seen += len(numeral.FindAllString(n.Data, -1))
		if named == nil {
			p.fail("nothing says what the number in %q shows", strings.TrimSpace(n.Data))
		} else if !p.checked[named] {
			p.checked[named] = true
			p.check(named)
		}
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		p.walk(c, named)
	}
}

func (p *page) check(n *html.Node) {
	text := textOf(n)
	if ref, ok := attr(n, "data-ref"); ok {
		p.reference(n, ref, text)
		return
	}
	name, _ := attr(n, "data-v")
	if ref, ok := strings.CutPrefix(name, "line:"); ok {
		if want, ok := p.line(ref); !ok || want != text {
			p.fail("%s is %q, and not %q", ref, want, text)
		}
		return
	}
	switch name {
	case "file":
		if _, err := os.Stat(filepath.Join(p.dir, text)); err != nil {
			p.fail("%v", err)
		}
		return
	case "longest":
		id, _, _ := strings.Cut(text, ", ")
		if want := id + ", " + p.values[id+".cause"] + ": writes away " + p.values[id+".writes"]; want != text {
			p.fail("the longest is %q, and not %q", want, text)
		}
		return
	}
	want, ok := p.values[name]
	switch {
	case !ok:
		p.fail("nothing computes %s again, which is %q", name, text)
	case want != text:
		p.fail("%s is %q, and not %q", name, want, text)
	}
}

// reference is a link to a line: the line must exist, and the title must be its text.
func (p *page) reference(n *html.Node, ref, text string) {
	want, ok := p.line(ref)
	if !ok {
		p.fail("there is no line %s", ref)
	}
	if _, number, _ := strings.Cut(ref, ":"); text != ref && text != number {
		p.fail("a link to %s says %q", ref, text)
	}
	if title, ok := attr(n, "title"); ok && title != want {
		p.fail("%s is %q, and not %q", ref, want, title)
	}
}

func (p *page) line(ref string) (string, bool) {
	file, number, _ := strings.Cut(ref, ":")
	if p.files[file] == nil {
		b, err := os.ReadFile(filepath.Join(p.dir, filepath.FromSlash(file)))
		if err != nil {
			return "", false
		}
		p.files[file] = strings.Split(string(b), "\n")
	}
	i, err := strconv.Atoi(number)
	if err != nil || i < 1 || i > len(p.files[file]) {
		return "", false
	}
	text := p.files[file][i-1]
	if strings.HasPrefix(file, "logs/") {
		_, text, _ = strings.Cut(text, " ")
	}
	return text, true
}

// excerpts counts the lines that the page carries.
func (p *page) excerpts(doc *html.Node) error {
	for n := range doc.Descendants() {
		if id, _ := attr(n, "id"); id != "data-text" {
			continue
		}
		z, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(textOf(n))))
		if err != nil {
			return fmt.Errorf("lines in the page: %w", err)
		}
		b, err := io.ReadAll(z)
		if err != nil {
			return fmt.Errorf("lines in the page: %w", err)
		}
		have := map[string]int{}
		rows := strings.Split(string(b), "\n")
		for i := 0; i+1 < len(rows); {
			head := strings.Split(rows[i], " ")
			lines, err := strconv.Atoi(head[1])
			if err != nil {
				return fmt.Errorf("lines in the page: %w", err)
			}
			file := "history.jsonl"
			if head[2] != "" {
				file = "logs/" + head[2] + ".log"
			}
			have[file] += lines
			i += lines + 1
		}
		for file, n := range have {
			p.values["excerpt."+file+".have"] = strconv.Itoa(n)
		}
	}
	return nil
}

func attr(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}
