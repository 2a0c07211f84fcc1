package register_test

import (
	"context"
	"fmt"

	"github.com/faultline-chaos/faultline/checker/register"
)

func ExampleCheck() {
	ops := []register.Op{
		{Kind: register.Put, Value: 1, Call: 0, Return: 10},
		{Kind: register.Put, Value: 2, Call: 20, Return: 30},
		{Kind: register.Put, Value: 3, Call: 25, Return: register.Never}, // timed out
		{Kind: register.Get, Value: 1, Call: 40, Return: 50},
	}
	r := register.Check(context.Background(), ops, 0)
	fmt.Println(r.Verdict)
	fmt.Println("it takes these to see it:", register.Core(context.Background(), ops, r.Op))
	ops[3].Value = 3 // a put of unknown outcome may have happened
	fmt.Println(register.Check(context.Background(), ops, 0).Verdict)
	// Output:
	// illegal
	// it takes these to see it: [0 1 3]
	// legal
}
