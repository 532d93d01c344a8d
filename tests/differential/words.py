# SPDX-License-Identifier: Apache-2.0
"""What random messages are made of: for each part of a message what is usual, and what is odd. Odd
ones are bad, or good and rare, or such that readers are known to disagree about them."""

METHODS = [b"GET", b"GET", b"POST", b"POST", b"PUT", b"HEAD", b"DELETE", b"OPTIONS", b"PATCH",
           b"TRACE", b"LINK", b"M-SEARCH", b"PROPFIND", b"QUERY"]
ODD_METHODS = [b"CONNECT", b"get", b"BREW", b"GETX", b"GE", b"PRI", b"SOURCE", b"DESCRIBE", b"",
               b"G(T", b"G\0T", b"\xc3\xa9", b"GET:", b"P", b"M-SEARC"]
TARGETS = [b"/", b"/a", b"/a/b?c=d", b"/a?b?c", b"//", b"/%61%2f", b"/a;b=c", b"/*",
           b"http://a.example/x", b"/?", b"http://a.example?q", b"HTTP://A.example:80/", b"/a:b",
           b"/\"<>\\^`{|}[]"]
ODD_TARGETS = [b"*", b"a", b"?a", b"/a#b", b"/#", b"http://b.example/", b"http://a.example:81/",
               b"ftp://a.example/", b"http:///", b"http://", b"a.example:80", b"/\xc3\xa9",
               b"/a\tb", b"/a b", b"/a\x01", b"/a\x7f", b"", b"/a\0", b"http://u@a.example/",
               b"https://a.example/", b"http:/a", b"\\a", b"/" + b"a" * 33000,
               b"http://a.example#f", b"/a\rb", b"/a\nb", b"/\x0c", b"/\x80", b"h2c://a.example/",
               b"/\xff?\xff#\xff", b"a-b://a.example/", b"http:", b"http://[::1]/",
               b"http://a.example:80:80/", b"x:/"]
VERSIONS = [b"HTTP/1.1"] * 12 + [b"HTTP/1.0"]
ODD_VERSIONS = [b"HTTP/1.2", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.10", b"http/1.1", b"HTTP/1",
                b"HTTP/1.", b"HTTP/01.1", b"HTTP /1.1", b"ICE/1.0", b"RTSP/1.0", b"HTTP/3.0", b"",
                b"HTTP/1.1 ", b"HTTP/1.1\t", b"HTTP/1,1", b"HTTP\\1.1", b"SIP/2.0", b"HTTPS/1.1"]
ENDS = [b"\r\n"]
ODD_ENDS = [b"\n", b"\rX", b"\r", b"\r\r\n", b"\n\r", b" \r\n", b"\r \n", b"\0\r\n", b"", b"\r\n\n",
        b"\x0b\r\n", b"\r\0\n", b"\n\n"]
GAPS = [b" "]
ODD_GAPS = [b"  ", b"\t", b"", b"\x0c", b" \t", b"\r", b"\xa0"]
COLONS = [b":"]
ODD_COLONS = [b"", b" :", b"\t:", b"::", b": :"]
BLANKS = [b""] * 9 + [b"\r\n", b"\r\n\r\n"]
ODD_BLANKS = [b"\n", b"\r", b"\r\n" * 3, b"\n\r\n", b" ", b"\0", b"\r\n" * 40, b"\r\r\n"]
HOSTS = [b"a.example", b"a.example", b"A.EXAMPLE", b"a.example:80", b"[::1]", b"192.0.2.1"]
ODD_HOSTS = [b"", b"a.example:", b"a,b", b"a b", b"u@a", b"a/b", b"a:99999", b":80", b"[::1",
             b"[::g]", b"a\0", b"\xe4", b"a%zz", b"a?b", b"a#b", b"::1", b"a:+1", b"a:80:80",
             b"a\x0b", b"a%20", b"[::1]:80", b"[v1.a]", b"a;b", b"a\\b", b"a\"b", b"[::1%25eth0]"]
NAMES = [b"X-A", b"x-b", b"Accept", b"User-Agent", b"Cookie", b"Connect", b"Content-Type", b"X_A",
         b"!#$%&'*+-.^_`|~9", b"Transfer", b"Content-Lengths", b"Content", b"Upgrades",
         b"Proxy-Connection", b"Keep-Alive", b"TE", b"Date", b"Trailer", b"Content_Length", b"C",
         b"T"]
ODD_NAMES = [b"", b"X A", b"X(A)", b"X\0A", b"\xe4", b"X-A ", b"X-A\t", b" X-A", b"\tX-A",
             b"X\x0bA", b"X@", b"X/Y", b"\"X\"", b"X-A\r", b"\xef\xbb\xbfX", b"Host ",
             b"Content-Length ", b"Transfer-Encoding\t", b"X\nY", b"Content-Length\0", b"X,Y",
             b"=", b"\x7f", b"{}"]
HOST_NAMES = [b"Host", b"host"]
LENGTH_NAMES = [b"Content-Length", b"content-length"]
CODING_NAMES = [b"Transfer-Encoding", b"transfer-encoding"]
CONNECTION_NAMES = [b"Connection", b"connection"]
ODD_CONNECTION_NAMES = [b"Proxy-Connection"]
ODD_HOST_NAMES = ODD_LENGTH_NAMES = ODD_CODING_NAMES = ODD_NAMES
VALUES = [b"b", b"", b"a b", b"a\tb", b"\xc3\xa9", b"a, b", b"\"q\"", b"a: b", b"chunked", b"3",
          b" ", b"\t", b"close", b"y" * 70, b"y" * 200]
ODD_VALUES = [b"a\0b", b"a\x01b", b"a\x7fb", b"a\r\n b", b"a\r\n\tb", b"a\rb", b"a\nb", b"a\x0bb",
              b"\r\n ", b"\r", b"\0", b"a\r\n \r\n b", b"\x1b[2J", b"a\x0c", b"\r\n\t", b" \r\n b",
              b"y" * 70 + b"\x08" + b"y" * 70, b"\x80\x01"]
SPACES = [b" ", b" ", b" ", b" ", b"", b"\t", b"  ", b" \t "]
ODD_SPACES = [b"\x0b", b"\x0c", b"\r", b"\xa0", b"\0", b"\r\n "]
TAIL_SPACES = [b"", b"", b"", b" "]
ODD_TAIL_SPACES = [b"\t", b" \t", b"\t "] + ODD_SPACES
LENGTHS = [b"0", b"3", b"3", b"10", b"0003", b"48", b"03"]
ODD_LENGTHS = [b"", b"+3", b"-3", b"3,3", b"3, 3", b"3 3", b"0x3", b"3a", b"9223372036854775807",
               b"9223372036854775808", b"18446744073709551615", b"18446744073709551616",
               b"18446744073709551619", b"99999999999999999999999", b"3.0", b"\"3\"", b"3;",
               b"\x0b3", b"3\0", b"1_0", b"3\t ", b"3 ,", b",3", b"\xb3", b"9" * 19, b"1:", b"1/",
               b"0" * 30 + b"3"]
CODINGS = [b"chunked"] * 6 + [b"Chunked", b"CHUNKED"]
ODD_CODINGS = [b"gzip, chunked", b"chunked, gzip", b"chunked, chunked", b"identity", b"gzip",
               b"xchunked", b"chunkedx", b"\"chunked\"", b"chunked;q=1", b"", b", chunked",
               b"chunked,", b",chunked,", b"\x0bchunked", b"chunked\0", b"chun ked", b"chunked ,",
               b"chunked\xa0", b"gzip,chunked", b"gzip\t,\tchunked", b"identity, chunked",
               b"x;a=\"b, chunked\", chunked", b"chunked;", b"gzip chunked", b"chunked identity",
               b"gzip, xchunked", b"trailers, chunked", b"chunked\r\n ", b"c", b"chunke",
               b"gzip;q=0, chunked", b"chunked, "]
CONNECTIONS = [b"keep-alive", b"close", b"Close", b"x-hop", b"keep-alive, x-hop", b"Keep-Alive"]
ODD_CONNECTIONS = [b"upgrade", b"close, keep-alive", b"keep-alive,close", b"closed", b"xclose",
                   b"close x", b"close;a", b"close,", b",close", b" , close", b"keep-alive\tclose",
                   b"keep-alive keep-alive", b"upgrade, close", b"\"close\"", b"x, upgrade",
                   b"keep-alives", b"keep-alive,x,close", b"clos", b"close\t,x", b"x close",
                   b"Upgrade,keep-alive", b"up-grade", b"upgrade x",
                   b",".join(b"x%d" % n for n in range(70)), b"", b"x;close", b"x;a,close",
                   b"close=", b"keep-alive;", b"-close", b"close-", b"c,close", b"closeclose",
                   b"\xe4,close", b"x\t,\tclose", b"upgrade,upgrade", b"x-a,,close"]
UPGRADES = [b"websocket", b"h2c", b"WebSocket", b"x, websocket", b"", b"TLS/1.0", b"websocket/13",
            b",websocket"]
EXPECTS = [b"100-continue", b"100-Continue"]
ODD_EXPECTS = [b"x", b"", b"100-continue, x"]
SIZES = [b"%x", b"%X", b"0%x", b"000%x"]
ODD_SIZES = [b"", b"0x%x", b"+%x", b"-%x", b" %x", b"%x ", b"%x\t", b"%xg", b"\"%x\"",
             b"1000000000000000%x", b"%x\0", b"8000000000000000", b"ffffffffffffffff", b"%x %x",
             b"00000000000000000%x", b"7fffffffffffffff", b"%x\r", b"%x\x0b", b"_%x",
             b"0000000000000000%x", b"fffffffffffffff%x", b"\xb3"]
DATA = [b"a", b"abc", b"\r\n", b"0\r\n\r\n", b"x" * 16, b"x" * 17, b"\0", b"y" * 300]
EXTENSIONS = [b";a", b";a=b", b";a=\"b c\"", b";a;b=c", b";a=\"\\\"\"", b";!#$=~", b";a=\"\\\\;\"",
              b";a=\"\"", b";a=\"\xe4\t\"", b";A=1;b"]
ODD_EXTENSIONS = [b" ;a", b"; a", b";a =b", b";a= b", b";", b";=", b";a=", b";=b", b";a\0",
                  b";a=\"b", b";a=\"b\r\nc\"", b";a{}", b" ", b"\t", b";a\rb", b";a\nb",
                  b";a=b\"c\"", b";a=\"b\"c", b";;", b";a=b=c", b";a ;b", b";a=\"\\\r\n\"",
                  b";a=\"\x7f\"", b";\x80", b";" + b"e" * 5000, b"; ", b";a\t", b";a=\"\\\x01\"",
                  b";a=\"b\" ", b";a=\"b\" ;c", b";a,b", b" a", b";a=\"b\";", b";a=b;"]
TRAILERS = [b"X-A: b\r\n", b"X-Sum:1\r\n", b"X-A: b\r\nX-B: c\r\n", b"x:\t\r\n", b"X-A:b \r\n"]
ODD_TRAILERS = [b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"X A: b\r\n",
                b"X-A : b\r\n", b": b\r\n", b"X-A\r\n", b"X-A: b\r\n c\r\n", b"X-A: b\n",
                b"X: \0\r\n", b"Host: b\r\n", b"Connection: close\r\n",
                b"Upgrade: x\r\nConnection: upgrade\r\n", b"X: a\rb\r\n",
                b"Connection: upgrade\r\n", b"X: \x7f\r\n", b"Connection: keep-alive\r\n",
                b"X-A: bbb\r\n" * 900, b"GET / HTTP/1.1\r\n", b" X: a\r\n", b"X: \x01\r\n",
                b"Upgrade: websocket\r\n", b"Transfer-Encoding: gzip\r\n",
                b"Proxy-Connection: close\r\n", b"X-A: b\r\n" * 130, b"Content-Length: x\r\n",
                b"Transfer-Encoding:\r\n", b"Content-Length:\r\n"]
STATUSES = [b"200", b"200", b"200", b"404", b"500", b"204", b"304", b"206", b"301", b"100", b"103",
            b"205"]
ODD_STATUSES = [b"20:", b"2/0", b"101", b"199", b"099", b"000", b"999", b"20", b"2000",
                b"abc", b"+20", b"", b"200.1", b"0200", b"102"]
REASONS = [b" OK", b" ", b"", b" Not Found", b" \xe9", b"  \t"]
ODD_REASONS = [b"\tOK", b" O\0K", b" O\rK", b" O\nK", b" \x1b", b"OK", b" \x7f", b" O\x01",
               b"  OK", b"-OK"]
SPECIAL = [b"\r", b"\n", b"\r\n", b"\0", b" ", b"\t", b":", b",", b";", b"\x0b", b"\x7f", b"\x80",
           b"0", b"a", b"=", b"\"", b"\r\n\r\n", b"\r\n ", b"#", b"%", b"chunked", b"-",
           b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n"]
