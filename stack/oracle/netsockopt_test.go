package oracle

import (
	"fmt"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	gtcp "gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// translate gives gVisor's error the name that ours has.
func translate(e tcpip.Error) error {
	switch e.(type) {
	case nil:
		return nil
	case *tcpip.ErrWouldBlock:
		return host.ErrWouldBlock
	case *tcpip.ErrConnectStarted:
		return host.ErrInProgress
	case *tcpip.ErrAlreadyConnecting:
		return host.ErrAlready
	case *tcpip.ErrAlreadyConnected:
		return host.ErrIsConnected
	case *tcpip.ErrNotConnected:
		return host.ErrNotConnected
	case *tcpip.ErrInvalidEndpointState, *tcpip.ErrAlreadyBound, *tcpip.ErrInvalidOptionValue:
		return host.ErrInvalid
	case *tcpip.ErrPortInUse:
		return host.ErrAddrInUse
	case *tcpip.ErrBadLocalAddress, *tcpip.ErrNoPortAvailable:
		return host.ErrAddrNotAvail
	case *tcpip.ErrMessageTooLong:
		return host.ErrMsgSize
	case *tcpip.ErrDestinationRequired:
		return host.ErrDestAddrRequired
	case *tcpip.ErrClosedForSend:
		return host.ErrPipe
	case *tcpip.ErrNoBufferSpace:
		return host.ErrNoMemory
	case *tcpip.ErrUnknownProtocolOption: // of an ICMP "protocol unreachable"
		return tcp.ErrProtoUnreachable
	case *tcpip.ErrNotSupported:
		return host.ErrNotSupported
	case *tcpip.ErrNotPermitted, *tcpip.ErrBroadcastDisabled:
		return host.ErrAccess
	case *tcpip.ErrConnectionRefused:
		return tcp.ErrRefused
	case *tcpip.ErrConnectionReset:
		return tcp.ErrReset
	case *tcpip.ErrTimeout:
		return tcp.ErrTimeout
	case *tcpip.ErrHostUnreachable:
		return tcp.ErrHostUnreachable
	case *tcpip.ErrNetworkUnreachable:
		return tcp.ErrNetUnreachable
	case *tcpip.ErrConnectionAborted, *tcpip.ErrAborted:
		return tcp.ErrAborted
	}
	return fmt.Errorf("gVisor: %v", e)
}

func (n *netstack) Poll(h host.Handle) (host.Mask, error) {
	s, err := n.at(h)
	if err != nil {
		return 0, err
	}
	var m host.Mask
	has := s.ep.Readiness(waiter.ReadableEvents | waiter.WritableEvents | waiter.EventErr | waiter.EventHUp | waiter.EventRdHUp)
	for _, b := range []struct {
		theirs waiter.EventMask
		ours   host.Mask
	}{
		{waiter.EventIn, host.Readable}, {waiter.EventOut, host.Writable}, {waiter.EventErr, host.Failed},
		{waiter.EventHUp, host.Hangup}, {waiter.EventRdHUp, host.HangupRead},
	} {
		if has&b.theirs != 0 {
			m |= b.ours
		}
	}
	return m, nil
}

func (n *netstack) SocketError(h host.Handle) error {
	s, err := n.at(h)
	if err != nil {
		return err
	}
	return translate(s.ep.LastError())
}

func (n *netstack) Options(h host.Handle) (host.Options, error) {
	s, err := n.at(h)
	if err != nil {
		return host.Options{}, err
	}
	return s.opts, nil
}

// SetOptions sets what is new in o. A receive buffer is twice what ours is,
// since gVisor offers half of it as the window.
func (n *netstack) SetOptions(now clock.Instant, h host.Handle, o host.Options) error {
	if lacks := lackingOption(&o); lacks != "" {
		return lacks
	}
	return n.call(now, h, func(s *socket) tcpip.Error {
		old := s.opts
		s.opts = o
		so := s.ep.SocketOptions()
		changed(old.ReuseAddr, o.ReuseAddr, so.SetReuseAddress)
		changed(old.Broadcast, o.Broadcast, so.SetBroadcast)
		changed(old.TCP.KeepAlive, o.TCP.KeepAlive, so.SetKeepAlive)
		changed(old.TCP.NoDelay, o.TCP.NoDelay, func(on bool) { so.SetDelayOption(!on) })
		changed(old.TCP.Cork, o.TCP.Cork, so.SetCorkOption)
		changed(old.TCP.QuickACK, o.TCP.QuickACK, so.SetQuickAck)
		changed(old.TCP.SendBuffer, o.TCP.SendBuffer, func(v int) { so.SetSendBufferSize(int64(v), true) })
		changed(old.TCP.RecvBuffer, o.TCP.RecvBuffer, func(v int) { so.SetReceiveBufferSize(int64(2*v), true) })
		if o.LingerOn != old.LingerOn || o.Linger != old.Linger {
			so.SetLinger(tcpip.LingerOption{Enabled: o.LingerOn, Timeout: o.Linger})
		}
		var e tcpip.Error
		number := func(opt tcpip.SockOptInt, old, v int) {
			if old != v && e == nil {
				e = s.ep.SetSockOptInt(opt, v)
			}
		}
		number(tcpip.IPv4TTLOption, int(old.TTL), int(o.TTL))
		number(tcpip.MTUDiscoverOption, int(discoveries[old.Discover]), int(discoveries[o.Discover]))
		number(tcpip.IPv4TOSOption, int(old.TOS), int(o.TOS))
		number(tcpip.MaxSegOption, old.TCP.MaxSeg, o.TCP.MaxSeg)
		number(tcpip.KeepaliveCountOption, old.TCP.KeepCount, o.TCP.KeepCount)
		number(tcpip.TCPSynCountOption, old.TCP.SYNRetries, o.TCP.SYNRetries)
		span := func(old, v time.Duration, opt tcpip.SettableSocketOption) {
			if old != v && e == nil {
				e = s.ep.SetSockOpt(opt)
			}
		}
		idle, intvl := tcpip.KeepaliveIdleOption(o.TCP.KeepIdle), tcpip.KeepaliveIntervalOption(o.TCP.KeepIntvl)
		user := tcpip.TCPUserTimeoutOption(o.TCP.UserTimeout)
		orphan := tcpip.TCPLingerTimeoutOption(o.TCP.FinWait2)
		deferred := tcpip.TCPDeferAcceptOption(tcp.DeferPeriod(o.TCP.DeferAccept))
		span(old.TCP.FinWait2, o.TCP.FinWait2, &orphan)
		changed(old.TCP.DeferAccept, o.TCP.DeferAccept, func(uint8) { e = s.ep.SetSockOpt(&deferred) })
		span(old.TCP.KeepIdle, o.TCP.KeepIdle, &idle)
		span(old.TCP.KeepIntvl, o.TCP.KeepIntvl, &intvl)
		span(old.TCP.UserTimeout, o.TCP.UserTimeout, &user)
		return e
	})
}

func changed[T comparable](old, v T, set func(T)) {
	if old != v {
		set(v)
	}
}

// shown are the fields of tcp_info that gVisor's stack tells.
var shown = map[string]bool{
	"tcpi_state": true, "tcpi_rto": true, "tcpi_rtt": true, "tcpi_rttvar": true,
	"tcpi_snd_cwnd": true, "tcpi_snd_ssthresh": true,
}

func (n *netstack) Info(_ clock.Instant, h host.Handle) (tcp.Info, error) {
	s, err := n.at(h)
	if err != nil {
		return tcp.Info{}, err
	}
	var o tcpip.TCPInfoOption
	if err := translate(s.ep.GetSockOpt(&o)); err != nil {
		return tcp.Info{}, err
	}
	return tcp.Info{
		State: states[gtcp.EndpointState(s.ep.State())],
		RTO:   o.RTO, RTT: o.RTT, RTTVar: o.RTTVar,
		SndCwnd: int(o.SndCwnd), SndSsthresh: int(o.SndSsthresh),
	}, nil
}

// states are gVisor's, by our names.
var states = map[gtcp.EndpointState]tcp.State{
	gtcp.StateEstablished: tcp.StateEstablished, gtcp.StateSynSent: tcp.StateSynSent,
	gtcp.StateSynRecv: tcp.StateSynReceived, gtcp.StateFinWait1: tcp.StateFinWait1,
	gtcp.StateFinWait2: tcp.StateFinWait2, gtcp.StateTimeWait: tcp.StateTimeWait,
	gtcp.StateCloseWait: tcp.StateCloseWait, gtcp.StateLastAck: tcp.StateLastAck,
	gtcp.StateListen: tcp.StateListen, gtcp.StateClosing: tcp.StateClosing,
	gtcp.StateClose: tcp.StateClosed, gtcp.StateInitial: tcp.StateClosed, gtcp.StateBound: tcp.StateClosed,
	gtcp.StateConnecting: tcp.StateSynSent, gtcp.StateError: tcp.StateClosed,
}
