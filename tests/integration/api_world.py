"""A sandbox with something of everything in it, and for every endpoint a request that succeeds and one for each error."""

import itertools
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "scripts"))

import endpoints  # noqa: E402

# Kept here, not taken from the table: what is missing there is to be missed.
PATHS = """
    mobile/check key/get key/reset sms/send sms/bulk sms/cancel viber/send viber/bulk viber/balance me/balance
    balance/get 2fa/send 2fa/check contact/add contact/delete contact/get contact/list contact/update group/add
    group/addContact group/delete group/deleteAllContacts group/deleteContact group/get group/list history/group/list
    history/single/list hlr/lookup purchase/list status/get status/sms user/add user/list user/topup user/comment/add
    user/comment/delete user/comment/list
""".split()
ALIASES = {"balance/get": "me/balance"}
# Likewise, as the reference has them: name! is required, since it says so or documents an error where that is missing; of
# a|b+c either a is, or b and c are. All take a type, and all but the first three, which have their own, require a key.
VIBER_PARAMETERS = """to|contactId|groupId text from button_caption button_action image validity all_devices sms_fallback
    sms_text sms_from ucs flash"""
CONTACT_PARAMETERS = "name surname fullname vname vsurname birthday nameday custom1 custom2 custom3 custom4 custom5"
PARAMETERS = {
    "mobile/check": "mobile!",
    "key/get": "username+password|key",
    "key/reset": "username+password|key",
    "sms/send": "to! text! from ucs flash timestamp callback",
    "sms/bulk": "to! text! from ucs flash timestamp",
    "sms/cancel": "smsId!",
    "viber/send": VIBER_PARAMETERS,
    "viber/bulk": VIBER_PARAMETERS,
    "viber/balance": "",
    "me/balance": "",
    "2fa/send": "to! text from wait callback ucs",
    "2fa/check": "authId! code!",
    "contact/add": "mobile! " + CONTACT_PARAMETERS,
    "contact/delete": "contactId!",
    "contact/get": "contactId!",
    "contact/list": "",
    "contact/update": "contactId! mobile " + CONTACT_PARAMETERS,
    "group/add": "name!",
    "group/addContact": "groupId! contactId!",
    "group/delete": "groupId!",
    "group/deleteAllContacts": "groupId!",
    "group/deleteContact": "groupId+contactId|contactGroupId",
    "group/get": "groupId!",
    "group/list": "",
    "history/group/list": "",
    "history/single/list": "",
    "hlr/lookup": "mobile!",
    "purchase/list": "",
    "status/get": "",
    "status/sms": "smsId!",
    "user/add": "email! password!",
    "user/list": "",
    "user/topup": "userId! sms! cost!",
    "user/comment/add": "userId! comment!",
    "user/comment/delete": "commentId!",
    "user/comment/list": "userId!",
}
KEYLESS = {"mobile/check"}  # all others refuse a wrong key
TABLE, ERRORS = endpoints.load()

ALICE, BOB, CAROL = "306971234567", "306972000000", "447700900123"
OPTED_OUT = "306990000000"
LATER = 3600
BUTTON = {"button_caption": "Open", "button_action": "https://example.com/"}
IMAGE = {"image": "https://example.com/a.png"}
VIBER = {"text": "x", "to": ALICE}
SETTINGS = {"senders": "sms365,Asleep:paused", "optout": OPTED_OUT, "balance": 100000}


class World:
    """What the requests of VALID and FAILING need; each thing is made anew when it is asked for."""

    def __init__(self, box):
        self.box = box
        box.settings(**SETTINGS)
        self._numbers = itertools.count(6900000000)

    def ask(self, path, **params):
        reply = self.box.call(path, **params)
        assert reply["status"] == "1", (path, reply)
        return reply

    def number(self):
        return "30" + str(next(self._numbers))

    def contact(self, **params):
        return self.ask("contact/add", **{"mobile": self.number(), **params})["contactId"]

    def known_number(self):
        number = self.number()
        self.contact(mobile=number)
        return number

    def group(self):
        return self.ask("group/add", name="People")["groupId"]

    def member(self):
        group, contact = self.group(), self.contact(name="Ann", custom3="three")
        reference = self.ask("group/addContact", groupId=group, contactId=contact)["contactGroupId"]
        return {"group": group, "contact": contact, "reference": reference}

    def user(self):
        return self.ask("user/add", email=f"user{next(self._numbers)}@example.com", password="secret")["user"]["userId"]

    def comment(self):
        return self.ask("user/comment/add", userId=self.user(), comment="paid")["comment"]["commentId"]

    def sms(self, **params):
        return self.ask("sms/send", to=ALICE, text="x", **params)["smsId"]

    def scheduled(self):
        return self.sms(timestamp=int(time.time()) + LATER)

    def challenge(self):
        return self.ask("2fa/send", to=ALICE, wait=0)["authId"]

    def crowd(self):
        """As many sub-accounts as there may be."""
        while self.box.call("user/add", email=f"{self.number()}@example.com", password="secret")["status"] == "1":
            pass
        return {}

    def fill(self):
        """Something for every list."""
        self.member()
        self.ask("sms/bulk", to=f"{ALICE},{BOB}", text="all")
        self.box.wait_status(self.sms(), "d")
        user = self.user()
        self.ask("user/comment/add", userId=user, comment="first")
        self.ask("user/comment/add", userId=user, comment="second")
        return self


def with_user(world):
    user = world.user()
    world.ask("user/comment/add", userId=user, comment="first")
    return {"userId": user}


def with_topped_up(world):
    user = world.user()
    world.ask("user/topup", userId=user, sms=5, cost=1)
    return user


def of_reported(world):
    """status/get tells a report once."""
    world.box.wait_status(world.sms(), "d")
    return {}


def of_member(*names):
    return lambda world: {name: world.member()[{"groupId": "group", "contactId": "contact"}[name]] for name in names}


def in_one_group(world):
    member = world.member()
    return {"groupId": member["group"], "contactId": member["contact"]}


# One request of each endpoint that succeeds, made by a function of the world.
VALID = {
    "mobile/check": lambda w: {"key": None, "mobile": ALICE},
    "key/get": lambda w: {},
    "key/reset": lambda w: {"key": None, "username": "demo", "password": "demo"},
    "sms/send": lambda w: {"to": ALICE, "text": "x"},
    "sms/bulk": lambda w: {"to": f"{ALICE},{CAROL}", "text": "x"},
    "sms/cancel": lambda w: {"smsId": w.scheduled()},
    "viber/send": lambda w: dict(VIBER),
    "viber/bulk": lambda w: {**VIBER, "to": f"{ALICE},{BOB}"},
    "viber/balance": lambda w: {},
    "me/balance": lambda w: {},
    "2fa/send": lambda w: {"to": ALICE, "wait": 0},
    "2fa/check": lambda w: {"authId": w.challenge(), "code": "1234"},
    "contact/add": lambda w: {"mobile": w.number(), "name": "Ann"},
    "contact/delete": lambda w: {"contactId": w.contact()},
    "contact/get": of_member("contactId"),
    "contact/list": lambda w: {},
    "contact/update": lambda w: {"contactId": w.contact(), "surname": "Other"},
    "group/add": lambda w: {"name": "People"},
    "group/addContact": lambda w: {"groupId": w.group(), "contactId": w.contact()},
    "group/delete": lambda w: {"groupId": w.member()["group"]},
    "group/deleteAllContacts": lambda w: {"groupId": w.member()["group"]},
    "group/deleteContact": in_one_group,
    "group/get": of_member("groupId"),
    "group/list": lambda w: {},
    "history/group/list": lambda w: {},
    "history/single/list": lambda w: {},
    "hlr/lookup": lambda w: {"mobile": ALICE},
    "purchase/list": lambda w: {},
    "status/get": of_reported,
    "status/sms": lambda w: {"smsId": w.sms()},
    "user/add": lambda w: {"email": f"{w.number()}@example.com", "password": "secret"},
    "user/list": lambda w: {},
    "user/topup": lambda w: {"userId": w.user(), "sms": "2.5", "cost": "1"},
    "user/comment/add": lambda w: {"userId": w.user(), "comment": "paid"},
    "user/comment/delete": lambda w: {"commentId": w.comment()},
    "user/comment/list": with_user,
}

# What changes a valid request into one that fails so. `settings` among them are the sandbox's. 101 is tried on all.
FAILING = {
    "mobile/check": {201: {"mobile": "2101234567"}, 205: {"mobile": ""}},
    "sms/send": {102: {"to": None}, 103: {"to": "12"}, 104: {"text": ""}, 105: {"settings": {"balance": 0.999}},
                 106: {"settings": {"fault": "sms/send:error=106"}}},
    "sms/bulk": {102: {"to": ""}, 103: {"to": f"12,,x,{OPTED_OUT}"}, 104: {"text": None},
                 105: {"settings": {"balance": 2.249}}},
    "sms/cancel": {107: {"smsId": ""}, 108: {"smsId": "12a"}, 109: {"smsId": "1"}, 110: lambda w: {"smsId": w.sms()},
                   111: {"settings": {"fault": "sms/cancel:error=111"}}},
    "2fa/send": {102: {"to": ""}, 103: {"to": "+30 210 1234567"}, 105: {"settings": {"balance": 0}},
                 106: {"settings": {"fault": "2fa/send:error=106"}}},
    "2fa/check": {300: {"authId": ""}, 301: {"code": None}, 302: {"authId": "0"}},
    "contact/add": {201: {"mobile": "210"}, 202: lambda w: {"mobile": w.known_number()}, 203: {"mobile": OPTED_OUT},
        204: {"settings": {"fault": "contact/add:error=204"}}, 205: {"mobile": ""}},
    "contact/delete": {214: {"contactId": ""}, 216: {"contactId": "999999"}},
    "contact/get": {214: {"contactId": None}, 216: {"contactId": "x"}},
    "contact/update": {201: {"mobile": "x"}, 202: lambda w: {"mobile": w.known_number()}, 203: {"mobile": OPTED_OUT}, 214: {"contactId": ""}, 221: {"contactId": "0"}},
    "group/add": {213: {"name": ""}},
    "group/addContact": {214: {"contactId": ""}, 215: {"groupId": ""}, 216: {"contactId": "0"}, 217: {"groupId": "0"},
                         218: in_one_group},
    "group/delete": {215: {"groupId": ""}, 217: {"groupId": "0"}},
    "group/deleteAllContacts": {215: {"groupId": ""}, 217: {"groupId": "0"}},
    "group/deleteContact": {215: {"groupId": ""}, 217: {"groupId": "0"}},
    "group/get": {215: {"groupId": ""}, 217: {"groupId": "0"}},
    "hlr/lookup": {105: {"settings": {"balance": 0.999, "hlr_balance": 0}}, 201: {"mobile": "x"}, 205: {"mobile": ""}},
    "user/add": {601: lambda w: {"email": "demo@example.com", "settings": {"username": "demo@example.com"}}, 602: lambda w: w.crowd()},
    "user/topup": {206: {"sms": "many"}, 207: {"cost": "-1"}, 208: {"userId": ""}, 209: {"userId": "0"},
                   210: lambda w: {"userId": with_topped_up(w), "sms": "-5.001"},
                   211: {"sms": "1000", "settings": {"balance": 999.999}}},
    "user/comment/add": {208: {"userId": ""}, 209: {"userId": "0"}, 212: {"comment": ""}},
    "user/comment/delete": {212: {"commentId": ""}, 220: {"commentId": "0"}},
    "user/comment/list": {208: {"userId": ""}, 209: {"userId": "0"}},
}
FAILING_VIBER = {
    501: {"to": ""}, 503: {"from": "Bank"}, 504: {"from": "Asleep"}, 505: {"text": ""}, 506: {"text": "x" * 1001},
    507: {"button_action": "https://x/"}, 508: {"button_caption": "Open"}, 509: {"image": ""},
    510: {"all_devices": "maybe"}, 511: IMAGE, 512: {"text": "", **IMAGE, **BUTTON}, 513: {"validity": "59"},
    514: {"sms_from": "Twelve chars"}, 515: {"to": "", "contactId": "0"}, 516: {"to": "", "groupId": "0"},
    517: {"settings": {"balance": 0.4}}, 518: {"to": "210"}}
FAILING["viber/send"] = FAILING["viber/bulk"] = FAILING_VIBER


def failing(world, path, error):
    """The parameters of a request that gets this error, and the settings that it needs."""
    if error == 101:
        wrong = {"username": "demo", "password": "wrong"} if path == "key/reset" else {"key": "wrong"}
        return {**VALID[path](world), **wrong}, {}
    change = FAILING[path][error]
    change = dict(change(world) if callable(change) else change)
    settings = change.pop("settings", {})
    return {**VALID[path](world), **change}, settings
