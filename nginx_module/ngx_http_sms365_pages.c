/* The portal's pages, as they are without templates of the administrator's: what they say, and what they look like. */
#include "ngx_http_sms365_portal.h"


#define NGX_HTTP_SMS365_HEAD(title)                                            \
    "<!DOCTYPE html>\n"                                                        \
    "<html lang=\"{{lang}}\">\n"                                               \
    "<head>\n"                                                                 \
    "<meta charset=\"utf-8\">\n"                                               \
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"\
    "<meta name=\"robots\" content=\"noindex\">\n"                             \
    "<title>{{t." title "}}</title>\n"                                         \
    "<link rel=\"icon\" href=\"{{base}}icon.svg\" type=\"image/svg+xml\">\n"   \
    "<link rel=\"stylesheet\" href=\"{{base}}style.css\">\n"                   \
    "</head>\n"                                                                \
    "<body>\n"                                                                 \
    "<main>\n"                                                                 \
    "<img class=\"mark\" src=\"{{base}}icon.svg\" alt=\"\" width=\"40\" height=\"40\">\n"\
    "<h1>{{t." title "}}</h1>\n"                                               \
    "{{?notice}}<p id=\"notice\" class=\"{{?good}}good {{/good}}notice\" "     \
    "role=\"{{?good}}status{{/good}}{{!good}}alert{{/good}}\">{{notice}}</p>\n{{/notice}}"

#define NGX_HTTP_SMS365_HIDDEN                                                 \
    "<input type=\"hidden\" name=\"token\" value=\"{{token}}\">\n"             \
    "<input type=\"hidden\" name=\"next\" value=\"{{next}}\">\n"

#define NGX_HTTP_SMS365_BUTTON(action, class, text)                            \
    "<form method=\"post\" action=\"{{base}}" action "\">\n"                   \
    NGX_HTTP_SMS365_HIDDEN                                                     \
    "<button type=\"submit\" class=\"" class "\">{{t." text "}}</button>\n"    \
    "</form>\n"

#define NGX_HTTP_SMS365_BACKUP(class)                                          \
    "<form method=\"post\" action=\"{{base}}backup\">\n"                       \
    NGX_HTTP_SMS365_HIDDEN                                                     \
    "<label for=\"backup\">{{t.backup_code}}</label>\n"                        \
    "<input id=\"backup\" name=\"code\" type=\"text\" inputmode=\"numeric\" autocomplete=\"off\"\n" \
    " pattern=\"\\s*([0-9][ \\-]*){8}\" title=\"{{t.not_a_backup_code}}\" maxlength=\"32\" required\n" \
    " aria-describedby=\"{{?backup_tried}}notice {{/backup_tried}}backup-left\""  \
    "{{?backup_tried}} aria-invalid=\"true\" autofocus{{/backup_tried}}>\n"       \
    "<p id=\"backup-left\" class=\"hint\">{{t.backup_left}} {{backup}}.</p>\n" \
    "<button type=\"submit\" class=\"" class "\">{{t.verify}}</button>\n"      \
    "</form>\n"

#define NGX_HTTP_SMS365_FOOT                                                   \
    "<p class=\"who\">{{t.user}} <b>{{user}}</b></p>\n"                        \
    "</main>\n"                                                                \
    "</body>\n"                                                                \
    "</html>\n"


const char *const  ngx_http_sms365_templates[NGX_HTTP_SMS365_PAGES] = {

    /* NGX_HTTP_SMS365_PAGE_SEND */
    NGX_HTTP_SMS365_HEAD("send_title")
    "<p>{{t.why}} <strong>{{number}}</strong>.</p>\n"
    NGX_HTTP_SMS365_BUTTON("send", "first", "send")
    NGX_HTTP_SMS365_FOOT,

    /* NGX_HTTP_SMS365_PAGE_CODE */
    NGX_HTTP_SMS365_HEAD("code_title")
    "<script src=\"{{base}}script.js\" defer></script>\n"
    "{{?unusable}}<p id=\"sending\">{{t.unusable}} <strong>{{number}}</strong>.</p>\n{{/unusable}}"
    "{{!unusable}}<p>{{t.sent}} <strong>{{number}}</strong>{{?old}} {{age}}{{/old}}.</p>\n"
    "<div id=\"state\" class=\"{{state}} state\" aria-live=\"polite\">\n"
    "<p><span id=\"delivery\">{{delivery}}</span></p>\n"
    "<p id=\"advice\"{{!failed}} hidden{{/failed}}>{{t.advice}}</p>\n"
    "</div>\n{{/unusable}}"
    "<form method=\"post\" action=\"{{base}}verify\">\n"
    NGX_HTTP_SMS365_HIDDEN
    "<label for=\"code\">{{t.code}}</label>\n"
    "<input id=\"code\" name=\"code\" type=\"text\" inputmode=\"numeric\" autocomplete=\"one-time-code\"\n"
    " pattern=\"\\s*([0-9]\\s*){4,10}\" title=\"{{t.not_a_code}}\" maxlength=\"24\" required{{!backup_tried}} autofocus{{/backup_tried}}\n"
    " aria-describedby=\"{{?notice}}notice {{/notice}}tries\"{{?wrong}} aria-invalid=\"true\"{{/wrong}}>\n"
    "<p id=\"tries\" class=\"hint\">{{!unusable}}{{tries}}{{/unusable}}</p>\n"
    "{{?remember}}<label class=\"check\"><input type=\"checkbox\" name=\"remember\" value=\"1\">\n"
    "{{t.remember}} {{remember}}</label>\n{{/remember}}"
    "<button type=\"submit\" class=\"first\">{{t.verify}}</button>\n"
    "</form>\n"
    "<h2>{{t.nothing}}</h2>\n"
    "<div class=\"ways\" data-wait=\"{{wait}}\">\n"
    NGX_HTTP_SMS365_BUTTON("again", "again", "again")
    "{{?other}}"
    NGX_HTTP_SMS365_BUTTON("other", "other", "other")
    "{{/other}}"
    "</div>\n"
    "{{?backup}}<details{{?backup_tried}} open{{/backup_tried}}>\n"
    "<summary>{{t.backup}}</summary>\n"
    NGX_HTTP_SMS365_BACKUP("use")
    "</details>\n{{/backup}}"
    NGX_HTTP_SMS365_FOOT,

    /* NGX_HTTP_SMS365_PAGE_DONE */
    NGX_HTTP_SMS365_HEAD("done_title")
    "<p><a class=\"first\" href=\"{{next}}\">{{t.go}}</a></p>\n"
    NGX_HTTP_SMS365_BUTTON("logout", "logout", "logout")
    NGX_HTTP_SMS365_FOOT,

    /* NGX_HTTP_SMS365_PAGE_DENIED */
    NGX_HTTP_SMS365_HEAD("denied_title")
    "{{?backup}}"
    NGX_HTTP_SMS365_BACKUP("first")
    "{{/backup}}"
    "{{?retry}}<p><a class=\"first\" href=\"{{base}}?next={{next_escaped}}\">{{t.retry}}</a></p>\n{{/retry}}"
    NGX_HTTP_SMS365_FOOT,

    /* NGX_HTTP_SMS365_PAGE_GATE */
    NGX_HTTP_SMS365_HEAD("gate_title")
    "<p><a class=\"first\" href=\"{{base}}?next={{next_escaped}}\">{{t.login}}</a></p>\n"
    NGX_HTTP_SMS365_FOOT
};


const char  ngx_http_sms365_icon[] =
    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 40 40\">\n"
    "<rect width=\"40\" height=\"40\" rx=\"10\" fill=\"#1756a9\"/>\n"
    "<rect x=\"12\" y=\"6\" width=\"16\" height=\"28\" rx=\"3.5\" fill=\"none\" stroke=\"#fff\" stroke-width=\"2\"/>\n"
    "<path d=\"M15.5 18.5l3.2 3.2 6-6\" fill=\"none\" stroke=\"#fff\" stroke-width=\"2.4\" stroke-linecap=\"round\" stroke-linejoin=\"round\"/>\n"
    "<circle cx=\"20\" cy=\"29.5\" r=\"1.3\" fill=\"#fff\"/>\n"
    "</svg>\n";

const size_t  ngx_http_sms365_icon_length = sizeof(ngx_http_sms365_icon) - 1;


const char  ngx_http_sms365_style[] =
    ":root { color-scheme: light dark; --back: #eef1f6; --card: #fff; --edge: #dbe1ea; --text: #18202c; --soft: #4f5a6b;\n"
    "  --line: #7f8a9a; --accent: #1756a9; --deep: #0f4288; --on: #fff; --good: #0b6a44; --good-back: #e6f5ed;\n"
    "  --wait: #795000; --bad: #a01818; --bad-back: #fdeded; }\n"
    "@media (prefers-color-scheme: dark) { :root { --back: #10141a; --card: #1a2029; --edge: #2b3442; --text: #eef1f5;\n"
    "  --soft: #b0bac7; --line: #7d8896; --accent: #8ab8f5; --deep: #acccf8; --on: #0d1c2c; --good: #6fd6a8; --good-back: #15302a;\n"
    "  --wait: #f0c168; --bad: #ff9d9d; --bad-back: #3a1d22; } }\n"
    "* { box-sizing: border-box; }\n"
    "body { margin: 0; min-height: 100vh; min-height: 100dvh; display: grid; place-items: center; padding: 1rem;\n"
    "  background: var(--back); color: var(--text); font: 1rem/1.5 system-ui, \"Segoe UI\", Roboto, \"DejaVu Sans\", sans-serif; }\n"
    "main { width: 100%; max-width: 26rem; padding: 2rem; background: var(--card); border: 1px solid var(--edge);\n"
    "  border-radius: 1rem; box-shadow: 0 1rem 2.5rem -1.5rem #0006; overflow-wrap: break-word; }\n"
    ".mark { display: block; margin-bottom: 1rem; }\n"
    "h1 { margin: 0 0 .5rem; font-size: 1.5rem; line-height: 1.25; letter-spacing: -.01em; text-wrap: balance; }\n"
    "h2 { margin: 1.5rem 0 .5rem; padding-top: 1.25rem; border-top: 1px solid var(--edge); font-size: 1rem; }\n"
    "p { margin: 0 0 .75rem; }\n"
    "strong { white-space: nowrap; font-variant-numeric: tabular-nums; }\n"
    "form { margin: 0; }\n"
    "label { display: block; margin: 1.25rem 0 .35rem; font-weight: 600; }\n"
    "input, button, a.first { display: block; width: 100%; min-height: 3rem; padding: .6rem 1rem; font: inherit; color: inherit;\n"
    "  border: 1px solid var(--line); border-radius: .6rem; background: transparent; }\n"
    "#code { font-size: 1.6rem; line-height: 1.3; letter-spacing: .25em; text-align: center; font-variant-numeric: tabular-nums; }\n"
    "[aria-invalid] { border-color: var(--bad); }\n"
    "button, a.first { cursor: pointer; text-align: center; text-decoration: none; font-weight: 600; }\n"
    "button:hover { background: var(--back); }\n"
    "button.first, a.first { background: var(--accent); color: var(--on); border-color: transparent; }\n"
    "button.first:hover, a.first:hover { background: var(--deep); }\n"
    "form > .first, form + form { margin-top: .75rem; }\n"
    ".first, .logout { margin-top: 1.25rem; }\n"
    "[aria-disabled=true] { color: var(--soft); border-style: dashed; cursor: default; }\n"
    ".hint { margin: .35rem 0 0; color: var(--soft); font-size: .9rem; }\n"
    ".hint::first-letter, #delivery::first-letter { text-transform: uppercase; }\n"
    ".notice { margin: 0 0 1rem; padding: .75rem 1rem; border-radius: .6rem; border-inline-start: .3rem solid;\n"
    "  color: var(--bad); background: var(--bad-back); font-weight: 600; }\n"
    ".good.notice { color: var(--good); background: var(--good-back); }\n"
    ".state p { margin: 0 0 .5rem; font-size: .95rem; font-weight: 600; color: var(--wait); }\n"
    "#delivery { display: block; position: relative; padding-inline-start: 1.1em; }\n"
    "#delivery::before { content: \"\"; position: absolute; inset: .45em auto auto 0; width: .6em; height: .6em;\n"
    "  border-radius: 50%; background: currentColor; }\n"
    ".delivered p { color: var(--good); }\n"
    ".failed p { color: var(--bad); }\n"
    ".sent p, .unknown p { color: var(--soft); }\n"
    ".check { display: flex; gap: .5rem; align-items: center; font-weight: 400; }\n"
    ".check input { width: 1.5rem; min-height: 1.5rem; margin: 0; flex: none; accent-color: var(--accent); }\n"
    "summary { margin-top: 1rem; padding: .5rem 0; cursor: pointer; font-weight: 600; }\n"
    "#backup { letter-spacing: .15em; text-align: center; font-variant-numeric: tabular-nums; }\n"
    ".use { margin-top: .75rem; }\n"
    ".who { margin: 1.5rem 0 0; color: var(--soft); font-size: .9rem; overflow-wrap: anywhere; }\n"
    ":focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }\n"
    "@media (max-width: 30rem) { body { padding: 0; place-items: stretch; background: var(--card); }\n"
    "  main { padding: 1.5rem 1.25rem; border: 0; border-radius: 0; box-shadow: none; } }\n";

const size_t  ngx_http_sms365_style_length = sizeof(ngx_http_sms365_style) - 1;


/*
 * What the page says of the delivery is kept up to date for as long as that is likely to change, and until when no other
 * message is sent is shown on the button that asks for one. Going back to the answer to a form, or reloading it, sends the
 * form no second time.
 */
const char  ngx_http_sms365_script[] =
    "(function () {\n"
    "  'use strict';\n"
    "  var base = new URL('./', document.currentScript.src).pathname;\n"
    "  var here = base + '?next=' + encodeURIComponent(document.querySelector('[name=next]').value);\n"
    "  var state = document.getElementById('state');\n"
    "  var delivery = document.getElementById('delivery');\n"
    "  var advice = document.getElementById('advice');\n"
    "  var sending = document.getElementById('sending');\n"
    "  var resend = document.querySelector('form[action$=\"/again\"] button');\n"
    "  var left = document.createElement('span');\n"
    "  var ready = 0, looks = 0;\n"
    "  function show(now) {\n"
    "    if (now.page !== 'code') { return false; }\n"
    "    if (sending && now.usable && document.getElementById('code').value === '') {\n"
    "      location.replace(here); return false;\n"
    "    }\n"
    "    if (state) { state.className = now.state + ' state'; }\n"
    "    if (advice) { advice.hidden = now.state !== 'failed'; }\n"
    "    if (delivery && delivery.textContent !== now.delivery) { delivery.textContent = now.delivery; }\n"
    "    return now.pending || !now.usable;\n"
    "  }\n"
    "  function again() { if (++looks < 120) { setTimeout(look, looks < 60 ? 1000 : 5000); } }\n"
    "  function look() {\n"
    "    fetch(location.origin + base, { headers: { Accept: 'application/json' }, credentials: 'same-origin' })\n"
    "      .then(function (reply) { return reply.json(); })\n"
    "      .then(function (now) { if (show(now)) { again(); } })\n"
    "      .catch(again);\n"
    "  }\n"
    "  function follow() {\n"
    "    var source = new EventSource(location.origin + base + 'events');\n"
    "    var silent = setTimeout(function () { source.close(); again(); }, 3000);\n"
    "    source.onmessage = function (event) {\n"
    "      clearTimeout(silent);\n"
    "      if (!show(JSON.parse(event.data))) { source.close(); }\n"
    "    };\n"
    "    source.onerror = function () {\n"
    "      if (source.readyState === 2) { clearTimeout(silent); again(); }\n"
    "    };\n"
    "  }\n"
    "  function count() {\n"
    "    var seconds = Math.ceil((ready - Date.now()) / 1000);\n"
    "    left.textContent = seconds > 0 ? ' (' + seconds + ')' : '';\n"
    "    if (seconds > 0) { resend.setAttribute('aria-disabled', 'true'); setTimeout(count, 250); }\n"
    "    else { resend.removeAttribute('aria-disabled'); }\n"
    "  }\n"
    "  if (resend) {\n"
    "    left.setAttribute('aria-hidden', 'true');\n"
    "    resend.appendChild(left);\n"
    "    resend.addEventListener('click', function (e) { if (ready > Date.now()) { e.preventDefault(); } });\n"
    "    ready = Date.now() + resend.closest('[data-wait]').dataset.wait * 1000;\n"
    "    count();\n"
    "  }\n"
    "  if (location.pathname !== base) { history.replaceState(null, '', here); }\n"
    "  if (window.EventSource) { follow(); } else { again(); }\n"
    "})();\n";

const size_t  ngx_http_sms365_script_length = sizeof(ngx_http_sms365_script) - 1;


static const struct {
    const char   *name;
    const char   *text[2];  /* by enum sms365_language */
} ngx_http_sms365_words[] = {
    { "send_title", { "Confirm that it is you", "Επιβεβαίωση ταυτότητας" } },
    { "why", { "To go on you need a code. It is sent to your phone,",
               "Για να συνεχίσετε χρειάζεστε έναν κωδικό. Θα σταλεί στο κινητό σας," } },
    { "send", { "Send the code", "Αποστολή κωδικού" } },
    { "user", { "User:", "Χρήστης:" } },
    { "code_title", { "Check your phone", "Δείτε το κινητό σας" } },
    { "sent", { "A code was sent to", "Στάλθηκε κωδικός στο" } },
    { "advice", { "Is the number right, and the phone on? Have a new code sent.",
                  "Είναι σωστός ο αριθμός και ανοιχτό το κινητό; Ζητήστε νέο κωδικό." } },
    { "unusable", { "A code is being sent, or may have been sent, to",
                    "Στέλνεται, ή ίσως στάλθηκε ήδη, κωδικός στο" } },
    { "code", { "Code from the message", "Κωδικός από το μήνυμα" } },
    { "verify", { "Continue", "Συνέχεια" } },
    { "newest", { "Only the code of the newest message counts.",
                  "Ισχύει μόνο ο κωδικός του νεότερου μηνύματος." } },
    { "nothing", { "No message?", "Δεν ήρθε μήνυμα;" } },
    { "again", { "Send a new code", "Αποστολή νέου κωδικού" } },
    { "other", { "Send it to another number", "Αποστολή σε άλλον αριθμό" } },
    { "remember", { "Ask for no code in this browser for", "Χωρίς κωδικό σε αυτόν τον περιηγητή για" } },
    { "day", { "day", "ημέρα" } },
    { "days", { "days", "ημέρες" } },
    { "backup", { "Use a backup code", "Χρήση εφεδρικού κωδικού" } },
    { "backup_code", { "Backup code", "Εφεδρικός κωδικός" } },
    { "backup_left", { "Backup codes left:", "Εφεδρικοί κωδικοί που απομένουν:" } },
    { "no_backup", { "You have no backup codes.", "Δεν έχετε εφεδρικούς κωδικούς." } },
    { "not_a_backup_code", { "Enter the eight digits of a backup code.",
                             "Δώστε τα οκτώ ψηφία ενός εφεδρικού κωδικού." } },
    { "done_title", { "You are logged in", "Έχετε συνδεθεί" } },
    { "go", { "Go on", "Συνέχεια" } },
    { "logout", { "Log out", "Αποσύνδεση" } },
    { "denied_title", { "You are not logged in", "Δεν έχετε συνδεθεί" } },
    { "retry", { "Try again", "Δοκιμάστε ξανά" } },
    { "gate_title", { "A code is needed", "Χρειάζεται κωδικός" } },
    { "login", { "Enter a code", "Εισαγωγή κωδικού" } },
    { "stale", { "The page was too old. Please try again.",
                 "Η σελίδα είχε λήξει. Δοκιμάστε ξανά." } },
    { "expired", { "That code is too old. Have a new one sent.",
                   "Ο κωδικός έληξε. Ζητήστε να σταλεί νέος." } },
    { "not_sent", { "The message could not be sent. Please try again.",
                    "Το μήνυμα δεν στάλθηκε. Δοκιμάστε ξανά." } },
    { "too_soon", { "It is too soon for another message: wait another",
                    "Είναι νωρίς για άλλο μήνυμα: περιμένετε ακόμη" } },
    { "no_more", { "No further message can be sent now.", "Δεν μπορεί να σταλεί άλλο μήνυμα τώρα." } },
    { "not_a_code", { "Enter the digits of the code.", "Δώστε τα ψηφία του κωδικού." } },
    { "busy", { "Too many people are logging in at this moment. Please try again.",
                "Πολλοί συνδέονται αυτή τη στιγμή. Δοκιμάστε ξανά." } },
    { "ended", { "Your session has ended, and what you sent was not taken. Enter a code, then send it again.",
                 "Η συνεδρία σας έληξε και ό,τι στείλατε δεν παραλήφθηκε. Δώστε κωδικό και στείλτε το ξανά." } },
    { "logged_out", { "You are logged out.", "Έχετε αποσυνδεθεί." } },
    { "logged_out_here", { "You are logged out in this browser. That could not be written down: tell your administrator.",
                           "Έχετε αποσυνδεθεί σε αυτόν τον περιηγητή, αλλά δεν ήταν δυνατή η καταγραφή: "
                           "ενημερώστε τον διαχειριστή." } }
};


const char *
ngx_http_sms365_word(enum sms365_language language, const char *name)
{
    size_t  i;

    for (i = 0; i < sizeof(ngx_http_sms365_words) / sizeof(ngx_http_sms365_words[0]); i++) {
        if (ngx_strcmp(ngx_http_sms365_words[i].name, name) == 0) {
            return ngx_http_sms365_words[i].text[language];
        }
    }

    return NULL;
}
