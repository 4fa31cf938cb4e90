package main

import (
	"context"
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/apps/dns"
)

// dnsTreeShow: who knows a name, from the root down.
func dnsTreeShow() show {
	return show{
		name:   "dns-tree",
		short:  "from the root down: referrals, glue, an alias, a No, the cache",
		en:     "The whole tree of names is here, very small: four name servers, and we ask them ourselves, as a recursive name server does for others.",
		ko:     "이름의 트리 전체가 아주 작게 여기 있다. 네임 서버는 넷이고, 우리가 직접 묻는다. 재귀 네임 서버가 남을 대신해 하는 일이다.",
		beyond: []string{treeRoot, treeTop, treeSockeye, treeRiver},
		delay:  2 * time.Millisecond,
		play:   playDNSTree,
	}
}

// Where the tree's servers are. These networks are for examples (RFC 5737).
const (
	treeRoot    = "198.51.100.1"
	treeTop     = "203.0.113.1"
	treeSockeye = "203.0.113.53"
	treeRiver   = "198.51.100.53"
)

// keptZones are the tree: what each server keeps.
func treeZones() map[string][]*keptZone {
	return map[string][]*keptZone{
		treeRoot: {newKeptZone(".",
			nsRecord(".", "a.root."), aRecord("a.root.", treeRoot),
			nsRecord("test.", "ns.test."), aRecord("ns.test.", treeTop))},
		treeTop: {newKeptZone("test.",
			nsRecord("test.", "ns.test."), aRecord("ns.test.", treeTop),
			nsRecord("sockeye.test.", "ns.sockeye.test."), aRecord("ns.sockeye.test.", treeSockeye),
			nsRecord("river.test.", "ns.river.test."), aRecord("ns.river.test.", treeRiver))},
		treeSockeye: {newKeptZone("sockeye.test.",
			nsRecord("sockeye.test.", "ns.sockeye.test."), aRecord("ns.sockeye.test.", treeSockeye),
			aRecord("www.sockeye.test.", "192.0.2.80"), cnameRecord("shop.sockeye.test.", "fish.river.test."))},
		treeRiver: {newKeptZone("river.test.",
			nsRecord("river.test.", "ns.river.test."), aRecord("ns.river.test.", treeRiver),
			aRecord("fish.river.test.", "192.0.2.81"))},
	}
}

func playDNSTree(st *stage) error {
	for addr, zones := range treeZones() {
		s, err := serveTree(st.other, addr, zones)
		if err != nil {
			return err
		}
		defer s.Close()
	}
	it := &dns.Iterator{
		Resolver: dns.Resolver{API: st.api, Observe: st.tell.Exchange},
		Roots:    []dns.Hint{{Name: "a.root.", Addr: netip.MustParseAddr(treeRoot)}}, WholeNames: true,
	}
	client := &dns.Client{Upstream: it}

	st.chapter("The tree", "트리")
	st.tell.Table([][]string{
		{st.text("zone", "존"), st.text("its server", "서버"), st.text("what it knows", "아는 것")},
		{".", treeRoot, st.text("who keeps test.", "test.를 맡은 서버")},
		{"test.", treeTop, st.text("who keeps sockeye.test. and river.test.", "sockeye.test.와 river.test.를 맡은 서버")},
		{"sockeye.test.", treeSockeye, st.text("www, and that shop is an alias", "www, 그리고 shop이 별칭이라는 것")},
		{"river.test.", treeRiver, "fish"},
	})
	st.say("We know one thing from the beginning: where the root is. Each question goes out without the wish that others be asked (flag RD is clear).",
		"처음부터 아는 것은 루트가 어디 있는지, 그것 하나뿐이다. 질의마다 대신 물어 달라고 요청하지 않는다(RD 플래그 없음).")

	for _, q := range []struct{ name, en, ko, why, warum string }{
		{"www.sockeye.test.", "From the root down", "루트에서 아래로",
			"The root does not know www.sockeye.test., and says who knows more: a referral. Where a server's own name lies in the zone that it keeps, its address comes along, the glue: nobody could find it otherwise.",
			"루트는 www.sockeye.test.를 모르지만 더 잘 아는 서버를 알려 준다. 이것이 위임이다. 서버의 이름이 그 서버가 맡은 존 안에 있으면 주소도 함께 온다. 이것이 글루다. 글루가 없으면 아무도 그 서버를 찾을 수 없다."},
		{"shop.sockeye.test.", "An alias: CNAME", "별칭: CNAME",
			"We know by now who keeps sockeye.test., and begin there. The answer is another name, in a zone that we have not met; so it goes on from test., whose server we know.",
			"이제 sockeye.test.를 어느 서버가 맡는지 알므로 거기서 시작한다. 응답은 다른 이름이고, 그 이름은 아직 만나지 않은 존에 있다. 그래서 서버를 아는 test.부터 이어 간다."},
		{"www.sockeye.test.", "The same once more: the cache", "다시 한 번: 캐시",
			"No packet: each record says for how many seconds it may be kept.",
			"패킷이 오가지 않는다. 레코드마다 몇 초 동안 캐시에 둘 수 있는지 적혀 있다."},
		{"salmon.sockeye.test.", "A name that does not exist", "없는 이름",
			"The authority says No (NXDOMAIN), and with its SOA record for how long that holds (RFC 2308).",
			"권한 있는 서버가 그런 이름은 없다고 답한다(NXDOMAIN). 함께 온 SOA 레코드는 그 답을 얼마 동안 캐시에 둘 수 있는지 알린다(RFC 2308)."},
		{"salmon.sockeye.test.", "That No once more", "없다는 답을 다시",
			"A No is kept, too: no packet.",
			"없다는 답도 캐시에 둔다. 패킷이 오가지 않는다."},
	} {
		st.chapter(q.en, q.ko)
		st.say(q.why, q.warum)
		st.ask(client, q.name)
	}
	return nil
}

// ask asks for a name and tells what came of it, and where it came from.
func (st *stage) ask(c *dns.Client, name string) {
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Second)
	defer stop()
	a, err := c.Lookup(ctx, name, dns.TypeA)
	if a != nil {
		for _, r := range append(a.Chain[:len(a.Chain):len(a.Chain)], a.Records...) {
			st.tell.Fact(st.text("found", "찾은 것"), a.Spelt(r).String())
		}
	}
	if err != nil {
		st.tell.Fact(st.text("found", "찾은 것"), st.text("nothing: %s does not exist", "없음: %s(이)라는 이름은 없다", name))
	}
	if a != nil {
		st.tell.Fact(st.text("from", "출처"), st.origin(a))
	}
	st.tell.Blank()
}

// origin is where an answer came from.
func (st *stage) origin(a *dns.Answer) string {
	switch a.Source.Kind {
	case dns.FromCache:
		return st.text("our cache, %d s left", "우리 캐시, 남은 시간 %d초", a.Left)
	case dns.FromAuthority:
		return st.text("%s, which keeps the zone", "존을 맡은 %s", a.Source.Server.Addr())
	}
	return a.Origin()
}
