// Checks dashboards against Grafana's schema, as its SDK for Go knows it: no unknown field, no wrong type, no
// missing required field, no violated constraint, panel options and field configuration included.
//
//	go run . FILE...
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func check(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var read dashboard.Dashboard
	if err := read.UnmarshalJSONStrict(text); err != nil && !isEmpty(err) {
		return err
	}
	return read.Validate()
}

// isEmpty: the SDK returns a list of errors even when there are none.
func isEmpty(err error) bool {
	var list cog.BuildErrors
	return errors.As(err, &list) && len(list) == 0
}

func main() {
	plugins.RegisterDefaultPlugins()
	failed := false
	for _, file := range os.Args[1:] {
		if err := check(file); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", file, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}
