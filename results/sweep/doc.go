// Package sweep turns measured failovers into what people decide by: how long client outages were and
// how often members elected without need, over a grid of timeouts, and the same for figure 16 of the
// Raft paper beside the paper's own numbers. It computes, draws and words; it runs nothing.
package sweep
