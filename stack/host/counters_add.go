package host

// Add adds what another Host counted; gauges add up too.
func (c *Counters) Add(o *Counters) {
	c.IP.add(&o.IP)
	c.ICMP.add(&o.ICMP)
	c.UDP.add(&o.UDP)
	c.TCP.add(&o.TCP)
	c.Forward.add(&o.Forward)
	for why, n := range o.Drop {
		c.Drop[why] += n
	}
}

func (c *IPCounters) add(o *IPCounters) {
	c.InReceives += o.InReceives
	c.InHdrErrors += o.InHdrErrors
	c.InAddrErrors += o.InAddrErrors
	c.InUnknownProtos += o.InUnknownProtos
	c.InDiscards += o.InDiscards
	c.InDelivers += o.InDelivers
	c.OutRequests += o.OutRequests
	c.OutDiscards += o.OutDiscards
	c.OutNoRoutes += o.OutNoRoutes
	c.ReasmReqds += o.ReasmReqds
	c.ReasmOKs += o.ReasmOKs
	c.ReasmFails += o.ReasmFails
	c.ReasmTimeout += o.ReasmTimeout
	c.FragOKs += o.FragOKs
	c.FragFails += o.FragFails
	c.FragCreates += o.FragCreates
}

func (c *ICMPCounters) add(o *ICMPCounters) {
	c.InMsgs += o.InMsgs
	c.InErrors += o.InErrors
	c.InCsumErrors += o.InCsumErrors
	c.InDestUnreachs += o.InDestUnreachs
	c.InTimeExcds += o.InTimeExcds
	c.InParmProbs += o.InParmProbs
	c.InSrcQuenchs += o.InSrcQuenchs
	c.InRedirects += o.InRedirects
	c.InEchos += o.InEchos
	c.InEchoReps += o.InEchoReps
	c.OutMsgs += o.OutMsgs
	c.OutErrors += o.OutErrors
	c.OutRateLimitHost += o.OutRateLimitHost
	c.OutDestUnreachs += o.OutDestUnreachs
	c.OutTimeExcds += o.OutTimeExcds
	c.OutParmProbs += o.OutParmProbs
	c.OutEchos += o.OutEchos
	c.OutEchoReps += o.OutEchoReps
}

func (c *UDPCounters) add(o *UDPCounters) {
	c.InDatagrams += o.InDatagrams
	c.NoPorts += o.NoPorts
	c.InErrors += o.InErrors
	c.OutDatagrams += o.OutDatagrams
	c.RcvbufErrors += o.RcvbufErrors
	c.SndbufErrors += o.SndbufErrors
	c.InCsumErrors += o.InCsumErrors
}

func (c *TCPCounters) add(o *TCPCounters) {
	c.ListenStats.Add(&o.ListenStats)
	c.ActiveOpens += o.ActiveOpens
	c.PassiveOpens += o.PassiveOpens
	c.AttemptFails += o.AttemptFails
	c.EstabResets += o.EstabResets
	c.CurrEstab += o.CurrEstab
	c.InSegs += o.InSegs
	c.OutSegs += o.OutSegs
	c.RetransSegs += o.RetransSegs
	c.InErrs += o.InErrs
	c.OutRsts += o.OutRsts
	c.InCsumErrors += o.InCsumErrors
	c.TW += o.TW
	c.TWRecycled += o.TWRecycled
	c.TimeWaitOverflow += o.TimeWaitOverflow
	c.AbortOnMemory += o.AbortOnMemory
	c.AbortOnOrphans += o.AbortOnOrphans
	c.MemoryPressures += o.MemoryPressures
	c.CurrTimeWait += o.CurrTimeWait
	c.CurrOrphans += o.CurrOrphans
}

func (c *ForwardCounters) add(o *ForwardCounters) {
	c.Held += o.Held
	c.Accepted += o.Accepted
	c.Reset += o.Reset
	c.Refused += o.Refused
	c.Expired += o.Expired
	c.Sessions += o.Sessions
	c.SessionsIdle += o.SessionsIdle
	c.SessionsEvicted += o.SessionsEvicted
	c.SessionsRefused += o.SessionsRefused
	c.CurrSessions += o.CurrSessions
}
