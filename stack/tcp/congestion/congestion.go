package congestion

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// A Controller decides how much may be in flight and how fast. It serves one
// connection and is not safe for concurrent use.
type Controller interface {
	// OnSend tells that bytes of new or retransmitted data left, and how much
	// is in flight with them.
	OnSend(now clock.Instant, bytes, inFlight int)
	// OnAck tells what one ACK brought.
	OnAck(now clock.Instant, s *Sample)
	// OnCongestion tells of loss or ECN, once per episode; the controller
	// sets Ssthresh, TCP brings cwnd there (RFC 9937).
	OnCongestion(now clock.Instant, why Signal, inFlight int)
	// OnRecovered tells that the episode is over: all that was in flight at
	// its beginning is acknowledged.
	OnRecovered(now clock.Instant)
	// OnTimeout tells that the retransmission timer expired (RFC 5681 3.1)
	// with inFlight bytes outstanding. It is told once per lost flight.
	OnTimeout(now clock.Instant, inFlight int)
	// OnSpurious undoes the last OnCongestion or OnTimeout: nothing was lost.
	// A second one does nothing.
	OnSpurious()
	// OnRestart tells that the flow sends again after idle (RFC 5681 4.1).
	OnRestart(idle time.Duration)
	// SetMSS tells the sender's maximum segment size in bytes, at the start
	// and when it changes.
	SetMSS(bytes int)
	Window() int       // congestion window, bytes
	Ssthresh() int     // slow-start threshold, bytes
	PacingRate() int64 // bytes per second; 0: unpaced
	Name() string      // as TCP_CONGESTION names it: "reno", "cubic"
	// Reset makes the controller as New gave it, for the next connection.
	Reset()
}

// Default is the name of the controller where none is asked for.
const Default = "cubic"

// New returns a new controller by name, as TCP_CONGESTION names it, and
// whether there is one of that name.
func New(name string) (Controller, bool) {
	var c Controller
	switch name {
	case "cubic":
		c = new(cubic)
	case "reno":
		c = new(reno)
	default:
		return nil, false
	}
	c.Reset()
	return c, true
}

// Names returns the names that New knows, the default first.
func Names() []string { return []string{"cubic", "reno"} }

// Signal says why congestion is assumed.
type Signal uint8

// The signals.
const (
	Loss Signal = iota + 1 // duplicate ACKs, SACK or RACK evidence
	ECN                    // an ECN echo (RFC 3168)
)

// A Sample is what one ACK brought.
type Sample struct {
	RTT         time.Duration // 0: no valid sample
	MinRTT      time.Duration // smallest RTT seen so far, 0: none
	Acked       int           // bytes newly acknowledged, cumulatively or by SACK
	Lost        int           // bytes newly marked lost
	Delivered   int64         // bytes delivered in the connection's life
	Rate        int64         // delivery rate of this sample, bytes per second; 0: none
	InFlight    int           // bytes in flight before this ACK
	Round       bool          // this ACK begins a new round trip
	CwndLimited bool          // the window was full since the last ACK
	AppLimited  bool          // the rate was limited by the application
	Recovering  bool          // in fast recovery, where TCP sets the window itself
	Recovered   bool          // this ACK ended fast recovery: OnRecovered came just before
	ECE         bool          // the ACK echoes congestion
}

// InitialWindow returns the first congestion window in bytes for a maximum
// segment size (RFC 6928 2).
func InitialWindow(mss int) int { return min(10*mss, max(2*mss, 14600)) }
