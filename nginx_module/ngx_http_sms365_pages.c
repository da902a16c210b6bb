/* The portal's pages, as they are without templates of the administrator's: what they say, and what they look like. */
#include "ngx_http_sms365_portal.h"


#define NGX_HTTP_SMS365_HEAD                                                    \
    "<!DOCTYPE html>\n"                                                         \
    "<html lang=\"{{lang}}\">\n"                                                \
    "<head>\n"                                                                  \
    "<meta charset=\"utf-8\">\n"                                                \
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n" \
    "<meta name=\"robots\" content=\"noindex\">\n"                              \
    "<title>{{t.title}}</title>\n"                                              \
    "<link rel=\"stylesheet\" href=\"{{base}}style.css\">\n"                    \
    "</head>\n"                                                                 \
    "<body>\n"                                                                  \
    "<main>\n"                                                                  \
    "<h1>{{t.title}}</h1>\n"                                                    \
    "{{?notice}}<p class=\"notice\" role=\"alert\">{{notice}}</p>\n{{/notice}}"

#define NGX_HTTP_SMS365_HIDDEN                                                  \
    "<input type=\"hidden\" name=\"token\" value=\"{{token}}\">\n"              \
    "<input type=\"hidden\" name=\"next\" value=\"{{next}}\">\n"

#define NGX_HTTP_SMS365_BUTTON(action, text)                                    \
    "<form method=\"post\" action=\"{{base}}" action "\">\n"                    \
    NGX_HTTP_SMS365_HIDDEN                                                      \
    "<button type=\"submit\">{{t." text "}}</button>\n"                         \
    "</form>\n"

#define NGX_HTTP_SMS365_FOOT                                                    \
    "</main>\n"                                                                 \
    "</body>\n"                                                                 \
    "</html>\n"


const char *const  ngx_http_sms365_templates[NGX_HTTP_SMS365_PAGES] = {

    /* NGX_HTTP_SMS365_PAGE_SEND */
    NGX_HTTP_SMS365_HEAD
    "<p>{{t.why}}</p>\n"
    "<p>{{t.to}} <strong>{{number}}</strong></p>\n"
    NGX_HTTP_SMS365_BUTTON("send", "send")
    "<p class=\"who\">{{t.user}} {{user}}</p>\n"
    NGX_HTTP_SMS365_FOOT,

    /* NGX_HTTP_SMS365_PAGE_CODE */
    NGX_HTTP_SMS365_HEAD
    "<script src=\"{{base}}script.js\" defer></script>\n"
    "{{?unusable}}<p id=\"sending\">{{t.unusable}} <strong>{{number}}</strong></p>\n{{/unusable}}"
    "{{!unusable}}<p>{{t.sent}} <strong>{{number}}</strong>\n"
    "(<span id=\"delivery\" aria-live=\"polite\">{{delivery}}</span>), {{age}} {{t.ago}}, {{tries}}.</p>\n"
    "{{/unusable}}"
    "<form method=\"post\" action=\"{{base}}verify\">\n"
    NGX_HTTP_SMS365_HIDDEN
    "<label for=\"code\">{{t.code}}</label>\n"
    "<input id=\"code\" name=\"code\" type=\"text\" inputmode=\"numeric\" autocomplete=\"one-time-code\"\n"
    " pattern=\"\\s*[0-9]{4,10}\\s*\" maxlength=\"16\" required autofocus>\n"
    "<button type=\"submit\" class=\"first\">{{t.verify}}</button>\n"
    "</form>\n"
    NGX_HTTP_SMS365_BUTTON("again", "again")
    "{{?other}}"
    NGX_HTTP_SMS365_BUTTON("other", "other")
    "{{/other}}"
    "<p class=\"who\">{{t.user}} {{user}}</p>\n"
    NGX_HTTP_SMS365_FOOT,

    /* NGX_HTTP_SMS365_PAGE_DONE */
    NGX_HTTP_SMS365_HEAD
    "<p>{{t.done}} <strong>{{user}}</strong>.</p>\n"
    "<p><a href=\"{{next}}\">{{t.go}}</a></p>\n"
    NGX_HTTP_SMS365_BUTTON("logout", "logout")
    NGX_HTTP_SMS365_FOOT,

    /* NGX_HTTP_SMS365_PAGE_DENIED */
    NGX_HTTP_SMS365_HEAD
    "{{?retry}}<p><a href=\"{{base}}?next={{next_escaped}}\">{{t.retry}}</a></p>\n{{/retry}}"
    "<p class=\"who\">{{t.user}} {{user}}</p>\n"
    NGX_HTTP_SMS365_FOOT,

    /* NGX_HTTP_SMS365_PAGE_GATE */
    NGX_HTTP_SMS365_HEAD
    "<p><a href=\"{{base}}\">{{t.login}}</a></p>\n"
    NGX_HTTP_SMS365_FOOT
};


const char  ngx_http_sms365_style[] =
    ":root { color-scheme: light dark; --back: #f4f5f7; --card: #fff; --text: #1c2430; --soft: #525c6b;\n"
    "  --line: #8a94a3; --button: #1756a9; --on-button: #fff; --alert: #a01818; }\n"
    "@media (prefers-color-scheme: dark) { :root { --back: #14181d; --card: #1f252d; --text: #eef1f5;\n"
    "  --soft: #b4bdc9; --line: #7d8896; --button: #8ab8f5; --on-button: #10202f; --alert: #ff9d9d; } }\n"
    "* { box-sizing: border-box; }\n"
    "body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem;\n"
    "  background: var(--back); color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }\n"
    "main { width: 100%; max-width: 26rem; padding: 1.5rem; background: var(--card); border-radius: .75rem; }\n"
    "h1 { margin: 0 0 1rem; font-size: 1.4rem; }\n"
    "form { margin: 1rem 0; }\n"
    "label { display: block; margin-bottom: .25rem; font-weight: 600; }\n"
    "input, button { width: 100%; min-height: 2.75rem; padding: .5rem .75rem; font: inherit;\n"
    "  border: 1px solid var(--line); border-radius: .5rem; background: transparent; color: inherit; }\n"
    "#code { font-size: 1.5rem; letter-spacing: .3em; text-align: center; margin-bottom: .75rem; }\n"
    "button { cursor: pointer; }\n"
    "button.first, form:first-of-type button { background: var(--button); color: var(--on-button);\n"
    "  border-color: transparent; font-weight: 600; }\n"
    "a { color: var(--button); }\n"
    ":focus-visible { outline: 3px solid var(--button); outline-offset: 2px; }\n"
    ".notice { padding: .75rem; border-left: 4px solid var(--alert); color: var(--alert); font-weight: 600; }\n"
    ".who { color: var(--soft); font-size: .9rem; overflow-wrap: anywhere; }\n";

const size_t  ngx_http_sms365_style_length = sizeof(ngx_http_sms365_style) - 1;


/* What the page says of the delivery is kept up to date for as long as that is likely to change. */
const char  ngx_http_sms365_script[] =
    "(function () {\n"
    "  'use strict';\n"
    "  var base = location.origin + new URL('./', document.currentScript.src).pathname;\n"
    "  var delivery = document.getElementById('delivery');\n"
    "  var sending = document.getElementById('sending');\n"
    "  var looks = 0;\n"
    "  function show(state) {\n"
    "    if (state.page !== 'code') { return false; }\n"
    "    if (sending && state.usable && document.getElementById('code').value === '') {\n"
    "      location.replace(base + location.search); return false;\n"
    "    }\n"
    "    if (delivery && delivery.textContent !== state.delivery) { delivery.textContent = state.delivery; }\n"
    "    return state.pending || !state.usable;\n"
    "  }\n"
    "  function again() { if (++looks < 120) { setTimeout(look, looks < 60 ? 1000 : 5000); } }\n"
    "  function look() {\n"
    "    fetch(base, { headers: { Accept: 'application/json' }, credentials: 'same-origin' })\n"
    "      .then(function (reply) { return reply.json(); })\n"
    "      .then(function (state) { if (show(state)) { again(); } })\n"
    "      .catch(again);\n"
    "  }\n"
    "  function follow() {\n"
    "    var source = new EventSource(base + 'events');\n"
    "    var silent = setTimeout(function () { source.close(); again(); }, 3000);\n"
    "    source.onmessage = function (event) {\n"
    "      clearTimeout(silent);\n"
    "      if (!show(JSON.parse(event.data))) { source.close(); }\n"
    "    };\n"
    "    source.onerror = function () {\n"
    "      if (source.readyState === 2) { clearTimeout(silent); again(); }\n"
    "    };\n"
    "  }\n"
    "  if (window.EventSource) { follow(); } else { again(); }\n"
    "})();\n";

const size_t  ngx_http_sms365_script_length = sizeof(ngx_http_sms365_script) - 1;


static const struct {
    const char   *name;
    const char   *text[2];  /* by enum sms365_language */
} ngx_http_sms365_words[] = {
    { "title", { "One more step", "Ένα ακόμη βήμα" } },
    { "why", { "To go on you need a code, which is sent to your phone.",
               "Για να συνεχίσετε χρειάζεστε έναν κωδικό, που στέλνεται στο κινητό σας." } },
    { "to", { "It goes to", "Θα σταλεί στο" } },
    { "send", { "Send the code", "Αποστολή κωδικού" } },
    { "user", { "User:", "Χρήστης:" } },
    { "sent", { "A code was sent to", "Στάλθηκε κωδικός στο" } },
    { "ago", { "ago", "πριν" } },
    { "unusable", { "A code is being sent, or may have been sent, to",
                    "Στέλνεται, ή ίσως στάλθηκε, κωδικός στο" } },
    { "code", { "Code from the message", "Κωδικός από το μήνυμα" } },
    { "verify", { "Continue", "Συνέχεια" } },
    { "again", { "Send a new code", "Αποστολή νέου κωδικού" } },
    { "other", { "Send it to another number", "Αποστολή σε άλλον αριθμό" } },
    { "done", { "You are logged in as", "Έχετε συνδεθεί ως" } },
    { "go", { "Go on", "Συνέχεια" } },
    { "logout", { "Log out", "Αποσύνδεση" } },
    { "retry", { "Try again", "Δοκιμάστε ξανά" } },
    { "login", { "Enter a code", "Εισαγωγή κωδικού" } },
    { "stale", { "The page was too old. Please try again.",
                 "Η σελίδα ήταν πολύ παλιά. Δοκιμάστε ξανά." } },
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
