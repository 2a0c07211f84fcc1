// Package results owns the run folder: its format, the analysis of failovers from it, and the
// report, graphs, JUnit file and summary made from it. It reads the folder and nothing else.
package results
