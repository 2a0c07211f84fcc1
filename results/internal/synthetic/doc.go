// Package synthetic makes runs up whose every time is known, for the tests of the packages that find,
// draw and show failovers. Nothing that ships imports it.
package synthetic
