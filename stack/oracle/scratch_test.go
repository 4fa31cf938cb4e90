package oracle

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/trace"
)

func init() {
	if os.Getenv("TRACE") == "" {
		return
	}
	var start int64
	traceHook = func(es []trace.Event) {
		for _, e := range es {
			if start == 0 {
				start = int64(e.At)
			}
			at := float64(int64(e.At)-start) / 1e9
			if e.Kind == trace.CwndChanged && e.Reason != trace.CwndACK || e.Kind == trace.TimerFired && e.Reason != trace.TimerDelACK {
				fmt.Printf("%.6f %v %v cwnd %d srtt %d\n", at, e.Kind, e.Reason, e.Cwnd, e.SRTT)
			}
			if os.Getenv("TRACE") == "all" {
				fmt.Printf("%.6f %v %v seq %d ack %d len %d cwnd %d\n", at, e.Kind, e.Reason, e.Seq, e.Ack, e.Len, e.Cwnd)
			}
		}
	}
}

func TestScratch(t *testing.T) {
	seed, _ := strconv.Atoi(os.Getenv("SEED"))
	r := &run{TB: t}
	f := link.Faults{Delay: pathDelay, Rate: pathRate, Queue: pathQueue}
	f.Loss, _ = strconv.ParseFloat(os.Getenv("LOSS"), 64)
	if os.Getenv("LATE") != "" {
		f.Reorder, f.ReorderDelay = .01, 3*time.Millisecond
	}
	fmt.Println(goodput(r, os.Getenv("WHO"), os.Getenv("ALG"), f, uint64(seed)))
	r.end()
}
