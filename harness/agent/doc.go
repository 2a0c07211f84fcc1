// Package agent is what the real runtimes share: the protocol between the harness and the program
// that is PID 1 beside each member's process (the agent), both of its ends, and the [Cluster] whose
// capabilities are calls of it. Runtimes differ only in how they make a member's namespaces and
// start an agent there: they hand a launch function to [Run].
//
// # Protocol
//
// The harness writes requests to the agent's standard input, the agent writes messages to its
// standard output: one JSON object a line. Requests carry an ID and are carried out concurrently; a
// message with an ID is the reply to that request, any other is an event (a line of output, an
// exit). When standard input ends, for whatever reason, the agent heals everything, ends the
// member's process and exits: a harness that was killed leaves nothing behind.
//
// How the faults are made real is not here but in package linux, one mechanism a file.
package agent
