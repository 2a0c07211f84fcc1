// Package server is one of the five servers of figure 16 of the Raft paper as a real process: the store's
// core and its disk, with elections as in the paper, and timeouts drawn from any narrow range. It imports
// nothing else, so that what is measured is that. Why it is a program of its own: see package figure16. It
// does nothing until a controller connects, says [Magic], and sends a trial.
//
// # A trial
//
// The controller resets all five servers: each formats its disk with a log that is shorter the higher
// its number is, so that all logs differ. Server 1 campaigns at once and wins; it sends heartbeats and
// no entries, so that logs stay different. Then its process is killed. Messages between the others
// take as long as the trial says, their writes to disk included: a message carries when it is due, and
// its receiver holds it until then. Each server tells when it lost server 1, when it campaigned, when
// it heard of a new leader, and how late its own timers and messages were: the trial's ruler.
//
// All times are CLOCK_MONOTONIC, in nanoseconds, which the processes of one machine share.
package server
