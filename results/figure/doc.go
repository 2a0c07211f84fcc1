// Package figure draws every graph of a run, as SVG and PNG. A figure is a plan: words, a table, and a
// function that draws from these two alone. The table is the CSV beside the figure; a test draws every
// figure again from its CSV to the same bytes. The kinds of figures, with their place on the page, are in
// one table ([Figures] ranges over it).
package figure
