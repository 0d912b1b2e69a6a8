#include "rules/rule-trust.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/instant.h"
#include "base/text.h"
#include "rds/value.h"
#include "rules/command.h"

#define NAMES_SAID_MAX 8 /* endpoints in one message: a message is a line */

/* A store whose certificates have all ended is of no use; to replace it takes a release of the client. */
#define STORE_WARNING (90 * DAY)

/* News stands for a week, so that who looks on Monday sees what came on Saturday. */
#define NEWS_LASTS (7 * DAY)

/* Several answers have to be missing, and some days with them: a bundle changes about once a year. */
#define STALE_ANSWERS 3
#define STALE_MIN     (3 * DAY)

/* Amazon adds regions each year. A file that has not changed for so long is one that nobody looks after: the
 * old bundles are still served. */
#define OLD (2 * 365 * DAY)

static bool reached(int64_t instant, int64_t now, int64_t *changes_at)
{
    if (now >= instant)
        return true;
    *changes_at = instant_earlier(*changes_at, instant);
    return false;
}

/* " PATH.new": a copy beside the store, so that a rename puts the whole of it in place at once. */
static void write_new_store(Step *step, const char *path)
{
    step_value(step, path);
    step_glue(step, ".new");
}

/*
 * Replaces the store by a copy that is complete, with owner and mode as they were; where curl fails, the store
 * stays. An empty line goes between: a store that does not end its last line would become one that no client
 * can read.
 */
static void replace_store(Step *step, const char *path, const char *url, bool keep)
{
    step_words(step, "cp -p");
    step_value(step, path);
    write_new_store(step, path);
    if (keep) {
        step_words(step, "&& { echo; curl -fsS");
        step_value(step, url);
        step_glue(step, "; } >>");
        step_glue_value(step, path);
        step_glue(step, ".new");
    } else {
        step_words(step, "&& curl -fsSo");
        write_new_store(step, path);
        step_value(step, url);
    }
    step_words(step, "&& mv");
    write_new_store(step, path);
    step_value(step, path);
}

/* keytool takes one certificate of a file, so each gets a file of its own. */
static void import_each(StepList *steps, const char *path, const char *url, const char *alias)
{
    Step *fetch = steps_append(steps, STEP_CHANGE, PLACE_HERE);
    step_words(fetch, "curl -fsS");
    step_value(fetch, url);
    step_words(fetch, "| awk -v");
    step_value(fetch, "to=");
    step_glue_value(fetch, alias);
    step_words(fetch, "'/-----BEGIN/ { n++ } n { print > (to \"-\" n \".pem\") }'");
    step_effect(fetch, "writes a file for each certificate into the working directory");
    Step *import = steps_append(steps, STEP_CHANGE, PLACE_HERE);
    step_words(import, "for c in");
    step_value(import, alias);
    step_glue(import, "-*.pem; do keytool -importcert -noprompt -keystore");
    step_value(import, path);
    step_words(import, "-alias \"$c\" -file \"$c\"; done");
    step_effect(import, "keytool asks for the password of the store");
}

void trust_store_steps(const TrustStoreState *state, const Catalogue *catalogue, const char *region,
                       StepList *steps)
{
    const char *url = catalogue_bundle_url(catalogue, region), *path = state->store->path,
               *format = state->format ? state->format : "PEM";
    if (strcmp(format, "PKCS#12") == 0 || strcmp(format, "Java key store") == 0) {
        import_each(steps, path, url, region ? region : "rds");
        return;
    }
    bool keep = strcmp(format, "PKCS#7") != 0;
    _cleanup_free_ char *p7b = xasprintf("%.*sp7b", (int)(strrchr(url, '.') + 1 - url), url);
    replace_store(steps_append(steps, STEP_CHANGE, PLACE_HERE), path, keep ? url : p7b, keep);
    step_words(steps_append(steps, STEP_VERIFY, PLACE_HERE), "dbcertctl trust");
}

/* What a finding calls every CA that is none of RDS's: its name is the server's choice. */
#define OTHER_CA "other"

/* The endpoints of one CA in one region that a store refuses. */
typedef struct Group {
    const char *ca, *region, *reason;
    const char *name; /* of the first CA that is none of RDS's, as its certificate has it */
    const char *now[NAMES_SAID_MAX], *next[NAMES_SAID_MAX];
    size_t n_now, n_next;
} Group;

typedef struct Groups {
    Group *items;
    size_t n;
} Groups;

static Group *group_of(Groups *groups, const char *ca, const char *region)
{
    for (size_t i = 0; i < groups->n; i++)
        if (strcmp(groups->items[i].ca, ca) == 0 && text_same(groups->items[i].region, region))
            return &groups->items[i];
    groups->items = xgrow(groups->items, groups->n, sizeof *groups->items);
    groups->items[groups->n] = (Group) { .ca = ca, .region = region };
    return &groups->items[groups->n++];
}

static void say(const char **names, size_t *n, const char *name)
{
    if (*n < NAMES_SAID_MAX)
        names[*n] = name;
    (*n)++;
}

static void write_names(Buffer *text, const char *words, const char *const *names, size_t n)
{
    if (n == 0)
        return;
    buffer_printf(text, "%s", words);
    for (size_t i = 0; i < n && i < NAMES_SAID_MAX; i++)
        buffer_printf(text, "%s%s", i ? ", " : " ", names[i]);
    if (n > NAMES_SAID_MAX)
        buffer_printf(text, " and %zu more", n - NAMES_SAID_MAX);
}

/* Amazon's bundles help with Amazon's CAs alone. */
static StepList add_root(const TrustStoreState *state, const Group *g, const Catalogue *catalogue)
{
    StepList steps = { 0 };
    if (catalogue_has_ca(catalogue, g->ca)) {
        trust_store_steps(state, catalogue, g->region, &steps);
        return steps;
    }
    command_show(&steps, g->n_now > 0 ? g->now[0] : g->next[0]);
    steps_by_hand(&steps, STEP_CHANGE, PLACE_HERE,
                  "add the root of that certificate's CA to the trust store %s", state->store->name);
    return steps;
}

static void find_group(TrustStoreState *state, const Group *g, const Catalogue *catalogue)
{
    Buffer text = { 0 };
    _cleanup_free_ char *ca = g->region ? xasprintf("%s in %s", g->ca, g->region) : xstrdup(g->ca);
    buffer_printf(&text, "clients with %s (%zu certificate%s) refuse %s", state->store->path,
                  state->n_certificates, PLURAL(state->n_certificates), g->name ? g->name : ca);
    write_names(&text, ", served now by", g->now, g->n_now);
    if (g->n_now > 0 && g->reason)
        buffer_printf(&text, ": %s", g->reason);
    write_names(&text, g->n_now ? "; configured for" : ", which is configured for", g->next, g->n_next);
    if (g->n_next > 0)
        buffer_printf(&text, ", and its root is not in the store");
    finding_list_say(&state->findings, FINDING_TRUST_STORE_LACKS_CA,
                     g->n_now > 0 ? SEVERITY_CRITICAL : SEVERITY_WARNING, ca, INSTANT_NONE,
                     buffer_take_text(&text), add_root(state, g, catalogue));
}

static void rule_lacks(TrustStoreState *state, const Catalogue *catalogue)
{
    Groups groups = { 0 };
    for (size_t i = 0; i < state->verdicts.n; i++) {
        const TrustVerdict *v = &state->verdicts.items[i];
        if (v->now == ACCEPTANCE_NO) {
            bool is_ca = v->served && value_is_ca(v->served);
            Group *g = group_of(&groups, is_ca ? v->served : OTHER_CA, v->region);
            say(g->now, &g->n_now, v->endpoint);
            if (!is_ca && !g->name)
                g->name = v->served ? v->served : "an unknown CA";
            g->reason = v->reason;
        }
        if (v->next == ACCEPTANCE_NO) {
            Group *g = group_of(&groups, v->next_ca, v->region);
            say(g->next, &g->n_next, v->endpoint);
        }
    }
    for (size_t i = 0; i < groups.n; i++)
        find_group(state, &groups.items[i], catalogue);
    free(groups.items);
}

static void give_password(const TrustStore *store, StepList *steps)
{
    const char *credential = store->password_credential ? store->password_credential : "NAME";
    step_words(steps_append(steps, STEP_LOOK, PLACE_HERE), "systemctl show -p LoadCredential dbcertd");
    steps_by_hand(steps, STEP_CHANGE, PLACE_HERE,
                  "set password_credential = \"%s\" for trust store %s in dbcertd's configuration, with "
                  "LoadCredential=%s:/path/to/file in dbcertd.service, then:",
                  credential, store->name, credential);
    step_words(steps_append(steps, STEP_CHANGE, PLACE_HERE),
               "systemctl daemon-reload && systemctl restart dbcertd");
}

static StepList make_readable(const TrustStoreState *state)
{
    StepList steps = { 0 };
    const char *path = state->store->path;
    if (state->locked) {
        give_password(state->store, &steps);
        return steps;
    }
    Step *look = steps_append(&steps, STEP_LOOK, PLACE_HERE);
    step_words(look, "namei -l");
    step_value(look, path);
    if (!state->denied)
        return steps;
    Step *allow = steps_append(&steps, STEP_CHANGE, PLACE_HERE);
    step_words(allow, "setfacl -m u:dbcertd:r");
    step_value(allow, path);
    step_effect(allow, "lets the user dbcertd read the trust store");
    return steps;
}

static void rule_unreadable(TrustStoreState *state)
{
    char *message = state->read_at == INSTANT_NONE
                        ? xasprintf("it cannot be read: %s", state->error)
                        : xasprintf("it cannot be read: %s; what was read at %s goes on being judged",
                                    state->error, INSTANT_TEXT(state->read_at));
    finding_list_say(&state->findings, FINDING_TRUST_STORE_UNREADABLE, SEVERITY_WARNING, NULL, INSTANT_NONE,
                     message, make_readable(state));
}

static void rule_expired(TrustStoreState *state, const Catalogue *catalogue, int64_t now)
{
    int64_t end = state->last_end;
    if (end == INSTANT_NONE || !reached(end - STORE_WARNING, now, &state->changes_at))
        return;
    bool over = reached(end + 1, now, &state->changes_at);
    StepList steps = { 0 };
    trust_store_steps(state, catalogue, NULL, &steps);
    char *message = over
                        ? xasprintf("the certificates in %s have all expired, the last of %zu at %s",
                                    state->store->path, state->n_certificates, INSTANT_TEXT(end))
                        : xasprintf("the last certificate in %s, of %zu, ends in %s, at %s", state->store->path,
                                    state->n_certificates, DURATION_TEXT(end - now), INSTANT_TEXT(end));
    finding_list_say(&state->findings, FINDING_TRUST_STORE_EXPIRED, over ? SEVERITY_CRITICAL : SEVERITY_WARNING,
                     NULL, end, message, steps);
}

void rule_evaluate_trust_store(TrustStoreState *state, const Catalogue *catalogue, int64_t now)
{
    finding_list_deinit(&state->findings);
    state->changes_at = INSTANT_NEVER;
    if (state->error)
        rule_unreadable(state);
    rule_expired(state, catalogue, now);
    rule_lacks(state, catalogue);
}

static StepList fetch_by_hand(const BundleSource *source)
{
    StepList steps = { 0 };
    Step *step = steps_append(&steps, STEP_LOOK, PLACE_HERE);
    step_words(step, "curl -fsS");
    step_value(step, source->url);
    step_words(step, "| openssl crl2pkcs7 -nocrl -certfile /dev/stdin | openssl pkcs7 -print_certs -noout");
    return steps;
}

static StepList look_at_news(void)
{
    StepList steps = { 0 };
    step_words(steps_append(&steps, STEP_LOOK, PLACE_HERE), "dbcertctl authorities");
    step_words(steps_append(&steps, STEP_LOOK, PLACE_HERE), "dbcertctl trust");
    return steps;
}

/* How long the one in use is still good for, in words. */
static char *in_use(const BundleSource *source)
{
    if (source->n_certificates == 0)
        return xstrdup("nothing was ever fetched from there");
    return xasprintf("the one with %zu certificate%s of %s goes on", source->n_certificates,
                     PLURAL(source->n_certificates), INSTANT_TEXT(source->modified_at));
}

static void rule_stale(BundleSource *source, int64_t now)
{
    int64_t patience = source->interval_seconds * STALE_ANSWERS;
    _cleanup_free_ char *words = in_use(source);
    char *message = NULL;
    Severity severity = SEVERITY_WARNING;
    if (patience < STALE_MIN)
        patience = STALE_MIN;
    if (source->refused)
        message = xasprintf("what was downloaded is not used: %s; %s, and %s.refused is there to be looked at",
                            source->refused, words, source->path);
    else if (source->error && (source->n_certificates == 0 ||
                               reached(source->failing_since + patience, now, &source->changes_at)))
        message = xasprintf("it cannot be fetched since %s: %s; %s", INSTANT_TEXT(source->failing_since),
                            source->error, words);
    else if (source->modified_at != INSTANT_NONE &&
             reached(source->modified_at + OLD, now, &source->changes_at)) {
        severity = SEVERITY_NOTICE;
        message =
            xasprintf("it has not changed since %s, and Amazon's change about once a year: is this still the "
                      "current URL?",
                      INSTANT_TEXT(source->modified_at));
    }
    if (message)
        finding_list_say(&source->findings, FINDING_BUNDLE_STALE, severity, NULL, INSTANT_NONE, message,
                         fetch_by_hand(source));
}

static void rule_changed(BundleSource *source, int64_t now)
{
    if (source->changed_at == INSTANT_NONE ||
        reached(source->changed_at + NEWS_LASTS, now, &source->changes_at))
        return;
    Buffer text = { 0 };
    buffer_printf(&text, "another one is used since %s, with %zu certificate%s",
                  INSTANT_TEXT(source->changed_at), source->n_certificates, PLURAL(source->n_certificates));
    write_names(&text, "; came:", (const char *const *)source->came,
                strv_length(source->came) + source->n_more_came);
    write_names(&text, "; went:", (const char *const *)source->went,
                strv_length(source->went) + source->n_more_went);
    finding_list_say(&source->findings, FINDING_BUNDLE_CHANGED, SEVERITY_NOTICE, NULL, INSTANT_NONE,
                     buffer_take_text(&text), look_at_news());
}

void rule_evaluate_bundle(BundleSource *source, int64_t now)
{
    finding_list_deinit(&source->findings);
    source->changes_at = INSTANT_NEVER;
    rule_stale(source, now);
    rule_changed(source, now);
}
