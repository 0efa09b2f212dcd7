"""What a page of HTML consists of, for tests."""
import html.parser


class Page(html.parser.HTMLParser):
    """What a page consists of, and whether its elements are closed."""

    VOID = ("meta", "link", "br")

    def __init__(self, text):
        super().__init__()
        self.found, self.open, self.links, self.ids = [], [], [], []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "data", "action"):
                self.links.append(value)
            if name == "id":
                self.ids.append(value)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if tag in self.VOID:
            return
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()

    def handle_data(self, data):
        if "style" not in self.open:
            self.words += data

    def all(self, tag):
        return [attrs for name, attrs in self.found if name == tag]
