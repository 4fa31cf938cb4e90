package socket_test

import (
	"os"
	"strconv"
	"testing"
)

func TestScratchWide(t *testing.T) {
	r := recorder{k: newApart(t)}
	d := &drawings[1]
	from, _ := strconv.Atoi(os.Getenv("FROM"))
	to, _ := strconv.Atoi(os.Getenv("TO"))
	bad := 0
	for seed := from; seed < to && bad < 40; seed++ {
		q := d.of(seed)
		ours := onOurs(t, q)
		for i := range q.steps {
			q.steps[i].want = ours[i]
		}
		if first := q.first(r.patientlyPlay(q), ours); first != "" {
			bad++
			t.Error(first)
		}
	}
}
