package main

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of CPU times in /proc: USER_HZ, which Linux fixes for programs.
const tick = 10 * time.Millisecond

// cpuOf returns the CPU time, user and system, that processes have used (proc(5), fields utime and stime).
func cpuOf(pids ...int) (time.Duration, error) {
	var sum time.Duration
	for _, pid := range pids {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, err
		}
		// The name in parentheses may hold anything; behind it the fields begin with the third.
		_, rest, ok := strings.Cut(string(b), ") ")
		fields := strings.Fields(rest)
		if !ok || len(fields) < 13 {
			return 0, fmt.Errorf("/proc/%d/stat is malformed", pid)
		}
		for _, f := range fields[11:13] {
			n, err := strconv.ParseInt(f, 10, 64)
			if err != nil {
				return 0, err
			}
			sum += time.Duration(n) * tick
		}
	}
	return sum, nil
}

// ownCPU returns the CPU time that this process has used.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// rss returns the resident memory of the largest process, in MiB.
func rss(pids ...int) (float64, error) { return memory("VmRSS:", pids...) }

// memoryPeak returns the largest resident memory that a process has had, in MiB.
func memoryPeak(pid int) (float64, error) { return memory("VmHWM:", pid) }

func memory(field string, pids ...int) (float64, error) {
	largest := 0.0
	for _, pid := range pids {
		f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return 0, err
		}
		in := bufio.NewScanner(f)
		for in.Scan() {
			if v, ok := strings.CutPrefix(in.Text(), field); ok {
				kib, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(v, "kB")), 64)
				if err != nil {
					_ = f.Close()
					return 0, err
				}
				largest = max(largest, kib/1024)
			}
		}
		_ = f.Close()
	}
	return largest, nil
}

// diskOf returns the bytes that folders take on the disk.
func diskOf(folders ...string) (int64, error) {
	var sum int64
	for _, folder := range folders {
		if err := filepath.WalkDir(folder, func(_ string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			info, err := e.Info()
			if err == nil {
				if st, ok := info.Sys().(*syscall.Stat_t); ok {
					sum += st.Blocks * 512
				}
			}
			return err
		}); err != nil {
			return 0, err
		}
	}
	return sum, nil
}

// machine describes where figures come from.
func machine() string {
	model := runtime.GOARCH
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, ok := strings.CutPrefix(line, "model name"); ok {
				model = strings.TrimSpace(strings.TrimLeft(name, "\t :"))
				break
			}
		}
	}
	load := ""
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		load, _, _ = strings.Cut(string(b), " ")
	}
	return fmt.Sprintf("%d × %s, %s/%s, load %s before", runtime.NumCPU(), model, runtime.GOOS, runtime.GOARCH, load)
}
