# SPDX-License-Identifier: Apache-2.0
"""Chromium in front of a shop whose carts live in its servers' memory (shop/server.js): what
persistence is for, seen from where its users sit."""

import pytest

from lib.browser import Browser, PageError
from lib.shape import NAME
from lib.shop import ShopServer
from lib.wait import accepts, until

MIB = 1 << 20

# A sum of the shop's download, and an upload of random bytes whose sum the page knows. Web
# cryptography is there because 127.0.0.1 counts as a secure context.
SUM = """
async function sum(data) {
	const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', data));
	return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
async function upload(size) {
	const data = new Uint8Array(size);
	for (let at = 0; at < size; at += 65536)
		crypto.getRandomValues(data.subarray(at, Math.min(size, at + 65536)));
	const answer = await fetch('/upload', { method: 'PUT', body: data });
	return { ...await answer.json(), status: answer.status, wanted: await sum(data) };
}
async function download(size) {
	const answer = await fetch('/file/' + size);
	const data = new Uint8Array(await answer.arrayBuffer());
	const wanted = new Uint8Array(size);
	for (let i = 0; i < size; i++)
		wanted[i] = (i % 65536 * 31 + (i % 65536 >> 8) * 17) & 255;
	return data.length === size && await sum(data) === await sum(wanted);
}
"""

FEED = """
new Promise((resolve, reject) => {
	const socket = window.socket = new WebSocket(`ws://${location.host}/feed`);
	socket.binaryType = 'arraybuffer';
	socket.onmessage = (event) => resolve(JSON.parse(event.data));
	socket.onerror = () => reject(new Error('the feed broke'));
	window.feedEnded = new Promise((ended) => { socket.onclose = (event) => ended(event.code); });
})
"""

ECHO = """
(async () => {
	for (const size of [0, 1, 125, 126, 65535, 65536, 300000]) {
		for (const kind of ['text', 'binary']) {
			const sent = kind === 'text' ? '\\u00e9'.repeat(size) : new Uint8Array(size).fill(7);
			const back = new Promise((resolve) => { socket.onmessage = (e) => resolve(e.data); });
			socket.send(sent);
			const got = await back;
			if (kind === 'text' ? got !== sent : new Uint8Array(got).join() !== sent.join())
				throw new Error(`${kind} of ${size} came back different`);
		}
	}
	return 14;
})()
"""


class Visitor:
    """A person with a browser."""

    def __init__(self, page, port):
        self.page, self.url = page, f"http://127.0.0.1:{port}/"

    def come(self):
        self.page.open(self.url)
        return self

    @property
    def server(self):
        return self.page.run("document.title")

    @property
    def cart(self):
        return self.page.run("[...document.querySelectorAll('#cart li')].map(li => li.innerText)")

    def add(self, item):
        self.page.follow(f"add.querySelector('input').value = '{item}';"
                         " add.querySelector('button').click()")

    def fetch(self, path):
        return self.page.run(f"fetch('{path}').then((answer) => answer.json())")

    def token(self):
        return self.page.cookies()[NAME]["value"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(str(tmp_path_factory.mktemp("browser")))
    yield browser
    browser.close()


@pytest.fixture
def shop():
    servers = [ShopServer("red"), ShopServer("green")]
    yield servers
    for server in servers:
        server.kill()


@pytest.fixture
def arrive(browser):
    """arrive(port) -> a new visitor, on the shop's page."""
    pages = []

    def make(port):
        pages.append(browser.visitor())
        return Visitor(pages[-1], port).come()

    yield make
    for page in pages:
        page.close()


def test_carts_survive_navigation(make_site, shop, arrive):
    """Forms, redirections, links, the history, reloading and a second tab: one server each."""
    site = make_site(shop, SessionExpireTime=1000)
    visitors = [arrive(site.port) for _ in range(4)]
    homes = [visitor.server for visitor in visitors]
    assert sorted(homes) == ["green", "green", "red", "red"]
    for item in ("apple", "pear", "plum"):
        for visitor in visitors:
            visitor.add(item)
    for visitor, home in zip(visitors, homes):
        assert visitor.page.run("isLoaded && getComputedStyle(document.querySelector('li')).color"
                                ) == "rgb(1, 2, 3)", "the page's parts came too"
        for leave in ("again.click()", "location.reload()", "location.href = '/'"):
            visitor.page.follow(leave)
            assert (visitor.server, visitor.cart) == (home, ["apple", "pear", "plum"])
        tab = Visitor(visitor.page.tab(), site.port).come()
        tab.add("fig")
        assert visitor.come().cart == tab.cart == ["apple", "pear", "plum", "fig"]
        cookie = visitor.page.cookies()[NAME]
        assert cookie["httpOnly"] and cookie["path"] == "/" and not cookie["session"]


def test_carts_fall_apart_without_persistence(make_site, shop, arrive):
    """The shop does need it: what the tests around this one see is not luck."""
    site = make_site(shop)
    visitor = arrive(site.port)
    seen = set()
    for _ in range(4):
        seen.add(visitor.fetch("/cart")["server"])
    assert seen == {"red", "green"}
    assert NAME not in visitor.page.cookies()


def test_parallel_requests(make_site, shop, arrive):
    """Six connections at a time, as browsers do it, some answers late: all from one server."""
    site = make_site(shop, SessionExpireTime=1000)
    visitor = arrive(site.port)
    got = visitor.page.run("Promise.all([...Array(90).keys()].map((number) => fetch(`/item/${number}`)"
                           ".then((answer) => answer.json())))")
    assert got == [{"server": visitor.server, "item": number} for number in range(90)]
    aborted = visitor.page.run("""(async () => {
        let count = 0;
        for (let turn = 0; turn < 20; turn++) {
            const control = new AbortController();
            const answer = fetch('/file/50000000', { signal: control.signal });
            setTimeout(() => control.abort(), turn);
            await answer.then((got) => got.arrayBuffer()).catch(() => count++);
        }
        return count;
    })()""")
    assert aborted > 0
    assert visitor.fetch("/item/1") == {"server": visitor.server, "item": 1}


def test_websocket_joins_the_session(make_site, shop, arrive):
    site = make_site(shop, SessionExpireTime=1000)
    for visitor in [arrive(site.port) for _ in range(2)]:
        visitor.add("apple")
        assert visitor.page.run(FEED) == {"server": visitor.server, "items": ["apple"]}
        assert visitor.page.run(ECHO) == 14
        visitor.page.run("socket.close(1000, 'done')")
        assert visitor.page.run("feedEnded") == 1000


def test_uploads_and_downloads(make_site, shop, arrive):
    site = make_site(shop, SessionExpireTime=1000)
    visitor = arrive(site.port)
    home = visitor.server
    visitor.page.run(SUM)
    for size in (0, 1, 8 * MIB):
        got = visitor.page.run(f"upload({size})")
        assert (got["status"], got["size"], got["server"]) == (200, size, home)
        assert got["sum"] == got["wanted"]
    for size in (0, 1, 8 * MIB):
        assert visitor.page.run(f"download({size})"), f"{size} bytes came back different"
    both = visitor.page.run(f"Promise.all([upload({4 * MIB}), download({4 * MIB}), "
                            f"upload({4 * MIB}), download({4 * MIB})])")
    assert [both[0]["sum"], both[2]["sum"]] == [both[0]["wanted"], both[2]["wanted"]]
    assert both[1] and both[3]


def test_a_server_restarts(make_site, shop, arrive):
    """Its visitors shop on at the other one, and stay there when it is back; nobody else moves."""
    site = make_site(shop, SessionExpireTime=1000)
    first, second = arrive(site.port), arrive(site.port)
    assert {first.server, second.server} == {"red", "green"}
    for visitor in (first, second):
        visitor.add("apple")
    home, token = second.server, first.token()
    dying = next(server for server in shop if server.name == first.server)
    assert first.page.run(FEED)["server"] == dying.name
    dying.kill()
    assert first.page.run("feedEnded") == 1006
    assert (first.come().server, first.cart) == (home, []), "its memory is gone, the shop is not"
    assert first.token() != token
    first.add("pear")
    dying.start()
    for _ in range(3):
        assert (first.come().server, first.cart) == (home, ["pear"])
        assert (second.come().server, second.cart) == (home, ["apple"])


@pytest.mark.parametrize("what", ["proxy", "control", "run", "stop"])
def test_the_balancer_restarts(make_setia, shop, arrive, what):
    """Whatever of it dies or is stopped: carts and homes are the same behind it."""
    setia = make_setia(arguments=["--grace", "1"]).start()
    site = setia.site(shop, SessionExpireTime=1000)
    visitors = [arrive(site.port) for _ in range(2)]
    homes = [visitor.server for visitor in visitors]
    assert set(homes) == {"red", "green"}
    for visitor in visitors:
        visitor.add("apple")
        visitor.page.run(FEED)
    if what == "stop":
        setia.restart()
    else:
        setia.kill9(what)
        if what == "run":
            until(lambda: not any(setia.pids().values()), 5, "the children to leave")
            setia.start()
        else:
            until(lambda: len(setia.pids()[what]) == 1 and accepts(site.port), 5, f"a new {what}")
            setia.wait_api()
    for visitor, home in zip(visitors, homes):
        if what == "control":
            assert visitor.page.run(ECHO) == 14, "traffic did not notice"
        else:
            assert visitor.page.run("feedEnded") == 1006
        assert visitor.fetch("/cart") == {"server": home, "items": ["apple"]}
        visitor.add("pear")
        assert (visitor.server, visitor.cart) == (home, ["apple", "pear"])
        assert visitor.page.run(FEED) == {"server": home, "items": ["apple", "pear"]}
    setia.stop()


def test_weights_change_below_a_visitor(make_site, shop, arrive):
    """Weight 0 is a planned move; taking it back moves nobody."""
    site = make_site(shop, SessionExpireTime=1000)
    visitor = arrive(site.port)
    visitor.add("apple")
    home = next(server for server in shop if server.name == visitor.server)
    other = next(server for server in shop if server is not home)
    site.weight(other, 100)
    for _ in range(3):
        assert (visitor.come().server, visitor.cart) == (home.name, ["apple"])
    site.weight(home, 0)
    assert visitor.come().server == other.name
    site.weight(home, 10)
    assert visitor.come().server == other.name


def test_errors_are_pages(make_site, arrive, browser):
    """What the balancer says by itself is shown, and the visitor comes in when a server is there."""
    site = make_site(SessionExpireTime=1000)
    visitor = arrive(site.port)
    assert visitor.page.run("performance.getEntriesByType('navigation')[0].responseStatus") == 503
    assert visitor.page.run("document.body.innerText").strip()
    server = ShopServer("red")
    try:
        site.register(server)
        assert visitor.come().server == "red"
        with pytest.raises(PageError):
            visitor.page.run("fetch('/none').then((answer) => { throw new Error(answer.status) })")
    finally:
        server.kill()
