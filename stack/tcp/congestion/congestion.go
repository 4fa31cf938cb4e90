package congestion

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// A Controller decides how much may be in flight and how fast. It serves one
// connection and is not safe for concurrent use.
type Controller interface {
	// OnInit comes after SetMSS and before anything else: srtt is the round-trip
	// time so far, 0 where nobody knows it, and all that is drawn at random comes
	// from seed.
	OnInit(srtt time.Duration, seed uint64)
	// OnSend tells that bytes of new or retransmitted data left, and how much
	// is in flight with them.
	OnSend(now clock.Instant, bytes, inFlight int)
	// OnAck tells what one ACK brought.
	OnAck(now clock.Instant, s *Sample)
	// OnLost tells of one transmission that is taken as lost, before OnCongestion
	// and OnAck tell what follows.
	OnLost(l *Lost)
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
	// OnRestart tells, before OnSend does, that the flow sends again after idle
	// (RFC 5681 4.1): longer than the retransmission timeout, or any time where
	// Models.
	OnRestart(idle time.Duration)
	// SetMSS tells the sender's maximum segment size in bytes, at the start
	// and when it changes.
	SetMSS(bytes int)
	Window() int       // congestion window, bytes
	Ssthresh() int     // slow-start threshold, bytes
	PacingRate() int64 // bytes per second; 0: unpaced
	Name() string      // as TCP_CONGESTION names it: "reno", "cubic", "bbr"
	// Models reports whether the controller works by a model of the path: its
	// Window counts in fast recovery too, and the samples' delivery rates.
	Models() bool
	// Reset makes the controller as New gave it, for the next connection.
	Reset()
}

// Signal says why congestion is assumed.
type Signal uint8

// The signals.
const (
	Loss Signal = iota + 1 // duplicate ACKs, SACK or RACK evidence
	ECN                    // an ECN echo (RFC 3168)
)

// A Sample is what one ACK brought. What follows Sampled is of the newest
// transmission that the ACK delivers, and only valid with it.
type Sample struct {
	RTT         time.Duration // 0: no valid sample
	LeastRTT    time.Duration // the smallest round trip among what was sent once and is delivered now, 0: none
	MinRTT      time.Duration // smallest RTT seen so far, 0: none
	Acked       int           // bytes newly acknowledged, cumulatively or by SACK, where they may open a window
	Arrived     int           // ... wherever
	Advanced    int           // bytes by which SND.UNA moved: acknowledged now, also where SACK told of them before
	Lost        int           // bytes newly marked lost
	Delivered   int64         // bytes delivered in the connection's life
	InFlight    int           // bytes in flight before this ACK
	Pipe        int           // ... after it
	Round       bool          // this ACK begins a new round trip
	CwndLimited bool          // the window was full since the last ACK
	Recovering  bool          // in fast recovery, where TCP sets the window itself, unless Models
	Recovered   bool          // this ACK ended fast recovery: OnRecovered came just before
	ECE         bool          // the ACK echoes congestion
	SACK        bool          // more than one loss in a round trip would be seen

	Sampled    bool
	AppLimited bool  // the rate was limited by the application
	Rate       int64 // delivery rate, bytes per second; 0: none
	Prior      int64 // Delivered when it left
	TxInFlight int   // bytes in flight when it left, with it
	TxLost     int   // bytes lost since it left
}

// A Lost is one transmission that is taken as lost.
type Lost struct {
	Delivered  int64 // bytes delivered in the connection's life
	Bytes      int
	TxInFlight int  // bytes in flight when it left, with it
	TxLost     int  // bytes lost since it left, with it
	AppLimited bool // what left then was limited by the application
	Adjacent   bool // to the one before: both are one hole
}

// InitialWindow returns the first congestion window in bytes for a maximum
// segment size (RFC 6928 2).
func InitialWindow(mss int) int { return min(10*mss, max(2*mss, 14600)) }
