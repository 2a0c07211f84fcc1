package results

import "strings"

// Part is a piece of a sentence. A piece with a number in it has a Name that says what it shows, such
// as "e3.detection": the page carries it as data-v, and package recount computes it again.
type Part struct {
	Name string // empty: only words
	Text string
}

// Words are a sentence, in pieces.
type Words []Part

// Text is the whole sentence.
func (w Words) Text() string {
	var b strings.Builder
	for _, p := range w {
		b.WriteString(p.Text)
	}
	return b.String()
}

// wordsOf fills %s after %s, the only verb that it knows, with strings, Parts and Words.
func wordsOf(format string, args ...any) Words {
	var out Words
	text := func(s string) {
		if s != "" {
			out = append(out, Part{Text: s})
		}
	}
	for _, a := range args {
		before, after, ok := strings.Cut(format, "%s")
		if !ok {
			panic("more words than places for them")
		}
		text(before)
		format = after
		switch a := a.(type) {
		case Part:
			out = append(out, a)
		case Words:
			out = append(out, a...)
		case string:
			out = append(out, Part{Text: a})
		default:
			panic("words of anything but string, Part or Words")
		}
	}
	if strings.Contains(format, "%s") {
		panic("fewer words than places for them")
	}
	text(format)
	return out
}

// joined puts words between words.
func joined(list []Words, sep string) Words {
	var out Words
	for i, w := range list {
		if i > 0 {
			out = append(out, Part{Text: sep})
		}
		out = append(out, w...)
	}
	return out
}
