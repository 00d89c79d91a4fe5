package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"time"
)

// idle measures the memory of a node that has nothing to do but the rounds of its log.
func idle(ctx context.Context, c config, dir string, out io.Writer) error {
	where := machine()
	cluster, err := open(ctx, dir, nil)
	if err != nil {
		return err
	}
	defer cluster.Close()
	pid := cluster.Member(recipient).Node.PID()
	before, err := cpuOf(pid)
	if err != nil {
		return err
	}
	select {
	case <-time.After(c.length):
	case <-ctx.Done():
		return ctx.Err()
	}
	after, err := cpuOf(pid)
	if err != nil {
		return err
	}
	mib, err := rss(pid)
	if err != nil {
		return err
	}
	row := struct {
		Bench   string  `json:"bench"`
		RSS     float64 `json:"rss_mib"`
		CPU     float64 `json:"cpu_percent"`
		Machine string  `json:"machine"`
		Date    string  `json:"date"`
		Go      string  `json:"go"`
	}{"idle", mib, 100 * float64(after-before) / float64(c.length), where, time.Now().UTC().Format(time.DateOnly), runtime.Version()}
	if c.json {
		return json.NewEncoder(out).Encode(row)
	}
	_, err = fmt.Fprintf(out, "%s, %s, %s\nan idle node: %.1f MiB, %.2f %% of a core\n", row.Machine, row.Date, row.Go, row.RSS, row.CPU)
	return err
}
