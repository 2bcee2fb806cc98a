// Package hostile is what an attacker sends to a Socket.IO server, kept as data: the
// corpus in corpus/*.txt, and a player that plays a case against a server and tells
// whether it reacted as it should. What is sent to the rest of the command, plain HTTP and
// what can be switched on, is in corpus/command/*.txt. Tests play the corpus and take the seeds of their
// fuzz targets from it; a load test plays it beside healthy clients.
//
// # The form of a case
//
// A case is its name after "=", then one step to a line. A "#" at the beginning of a
// line is a comment.
//
//	= a second CONNECT to the same namespace
//	websocket
//	send 40
//	hear 40{"sid":"*"}
//	send 40
//	closed 1000
//
// Steps that open a connection; the steps that follow are about the one opened last:
//
//	websocket [EIO=3]     a session over WebSocket; its OPEN packet is read
//	websocket deflate     the same with permessage-deflate, which must be had
//	polling [EIO=3]       a session over polling; its OPEN packet is read
//	upgrade               a WebSocket for the present session, whose probe is for the case to send
//	feed PATH             a WebSocket that is no session
//	tcp                   a bare connection
//	start get             a poll that is not yet waited for
//	start post BODY       a POST that is not yet waited for
//	on N                  go on with the Nth connection that the case has opened, from 1
//
// Steps that send:
//
//	send TEXT             a packet: a text message, or a POST that must be answered 200
//	binary BYTES          a binary message (on polling: base64)
//	connect [NAMESPACE]   CONNECT, and its answer
//	ask ARGS              an event that wants an acknowledgement; its name and arguments as in a JSON array
//	frame KIND BYTES      one WebSocket frame, see below
//	raw BYTES             bytes as they are
//	| LINE                LINE and CRLF, for HTTP in bare connections
//	request METHOD PATH   the first line of an HTTP request, and its Host
//	body TEXT             its last header, Content-Length, and its body
//	bytewise              from here on everything on this connection goes byte by byte
//	drop, reset           close the connection; the same with RST
//	pause DURATION        send nothing for a while
//	abandon               leave the session to the server's timeouts at the end, instead of closing it
//
// Steps that expect:
//
//	hear PATTERN          the next packet, but for pings, which are answered, and NOOPs
//	answered PATTERN      the acknowledgement of the last ask, its array, as the next packet
//	fails CODE            the same with an error of that code
//	alive                 the session (which has done "connect") answers a request, and has sent nothing before
//	get STATUS [PATTERN]  a poll, its status and body
//	post STATUS BODY      a POST and its status
//	answer STATUS [PATTERN]  the HTTP response on this connection
//	header NAME: PATTERN  a header of the last such response; empty where it is not there
//	begins STATUS         the head of a response whose body goes on
//	event PATTERN         the next server-sent event there: its name and its data
//	control PATTERN       the next control frame: its opcode and payload, such as "pong x"
//	closed [CODE [REASON]]  the WebSocket's close frame as the next message, and the end; both are a pattern
//	cut                   the end of the connection without a close frame
//	ends                  the end of the connection with or without a close frame
//	gone                  a poll of the session is answered: unknown
//
// STATUS is a pattern, too; with ! before it, any other.
//
// and "repeat N" … "end" around any of these.
//
// In a pattern * is any text. In everything that is sent, <<3*TEXT>> is TEXT three
// times, <<i>> within it or within a repeat the number of the round, from 0, <<hex ff fe>>
// bytes, <<deflate TEXT>> and <<gzip TEXT>> what compresses to (a message of permessage-deflate, a body),
// <<header NAME>> a header of the last response on this connection, <<event>> the id of the last event,
// <<host>> the server's address and port, <<sid>> the session's id and <<path>> the
// path of its polling requests.
//
// KIND is the opcode (text, binary, cont, ping, pong, close, or a number) with, after a +,
// what is not as usual: more (FIN is 0), rsv1, rsv2, rsv3, unmasked, len16 and len64
// (a length in more bytes than it needs), claims:N (a header that promises N bytes), such as text+more+rsv1.
package hostile
