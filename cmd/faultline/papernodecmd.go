package main

import (
	"github.com/spf13/cobra"

	"github.com/faultline-chaos/faultline/scenario"
	"github.com/faultline-chaos/faultline/store/papernode"
)

const paperNodeName = "paper-node"

// newPaperNodeCmd is a server of `sweep --paper --runtime local`: see package papernode. It knows no
// timeouts; who wants to give it some must speak its controller's protocol.
func newPaperNodeCmd() *cobra.Command {
	return &cobra.Command{
		Use:    paperNodeName + " CONTROL PEER DIR",
		Short:  "Take part in faultline sweep --paper, which starts it",
		Hidden: true,
		Args:   cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := papernode.Run(cmd.Context(), papernode.Options{Control: args[0], Peer: args[1], DataDir: args[2]}); err != nil {
				return scenario.Infrastructure(err)
			}
			return nil
		},
	}
}
