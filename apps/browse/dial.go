package browse

import (
	"context"
	"net"
)

// A Dial makes the connections of WebSocket and FTP: (*stdnet.Net).DialContext is one.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)
