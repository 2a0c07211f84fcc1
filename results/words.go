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
	for i, piece := range strings.Split(format, "%s") {
		if i > 0 {
			switch a := args[i-1].(type) {
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
		if piece != "" {
			out = append(out, Part{Text: piece})
		}
	}
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
