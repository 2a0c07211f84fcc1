// Package live shows a run while it goes on, from nothing but the ops of its history as they are
// recorded. Data flows one way: a State is folded from ops by Observe, which is pure but for the State;
// Render draws a State, and is pure. Around them are Lines, which prints what happens, and Screen, a
// dashboard in a terminal (Bubble Tea). The engine knows nothing of all this: it has a recorder that
// tells each op to a function.
package live
