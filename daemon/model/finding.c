#include "model/finding.h"

#include <string.h>

#include "base/alloc.h"
#include "base/instant.h"
#include "base/text.h"

static const char *const severities[] = {
    [SEVERITY_OK] = "ok",           [SEVERITY_NOTICE] = "notice",     [SEVERITY_UNKNOWN] = "unknown",
    [SEVERITY_WARNING] = "warning", [SEVERITY_CRITICAL] = "critical",
};
DEFINE_STRING_TABLE(severity, Severity, severities);

static const char *const ids[] = {
    [FINDING_ROTATION_DUE] = "rotation-due",
    [FINDING_ROTATION_OVERDUE] = "rotation-overdue",
    [FINDING_CERTIFICATE_EXPIRING] = "certificate-expiring",
    [FINDING_CERTIFICATE_EXPIRED] = "certificate-expired",
    [FINDING_CERTIFICATE_NOT_YET_VALID] = "certificate-not-yet-valid",
    [FINDING_INTERMEDIATE_EXPIRING] = "intermediate-expiring",
    [FINDING_INTERMEDIATE_EXPIRED] = "intermediate-expired",
    [FINDING_CA_EXPIRING] = "ca-expiring",
    [FINDING_CA_EXPIRED] = "ca-expired",
    [FINDING_CA_OUTLIVED] = "ca-outlived",
    [FINDING_CA_MISMATCH] = "ca-mismatch",
    [FINDING_CA_RETIRED] = "ca-retired",
    [FINDING_CA_UNKNOWN] = "ca-unknown",
    [FINDING_CA_NOT_OFFERED] = "ca-not-offered",
    [FINDING_CHAIN_UNTRUSTED] = "chain-untrusted",
    [FINDING_CHAIN_INCOMPLETE] = "chain-incomplete",
    [FINDING_NAME_MISMATCH] = "name-mismatch",
    [FINDING_SELF_SIGNED] = "self-signed",
    [FINDING_NO_SUBJECT_ALTERNATIVE_NAME] = "no-subject-alternative-name",
    [FINDING_WEAK_KEY] = "weak-key",
    [FINDING_WEAK_SIGNATURE] = "weak-signature",
    [FINDING_LEGACY_TLS] = "legacy-tls",
    [FINDING_ADDRESSES_DISAGREE] = "addresses-disagree",
    [FINDING_ROTATED] = "rotated",
    [FINDING_ROTATED_EARLY] = "rotated-early",
    [FINDING_ROTATED_BACK] = "rotated-back",
    [FINDING_CA_CHANGED] = "ca-changed",
    [FINDING_PLAINTEXT_ACCEPTED] = "plaintext-accepted",
    [FINDING_UNREACHABLE] = "unreachable",
    [FINDING_TLS_REFUSED] = "tls-refused",
    [FINDING_HANDSHAKE_FAILED] = "handshake-failed",
    [FINDING_PROBER_BLOCKED] = "prober-blocked",
    [FINDING_NAME_UNRESOLVED] = "name-unresolved",
    [FINDING_TRUST_STORE_LACKS_CA] = "trust-store-lacks-ca",
    [FINDING_TRUST_STORE_UNREADABLE] = "trust-store-unreadable",
    [FINDING_TRUST_STORE_EXPIRED] = "trust-store-expired",
    [FINDING_BUNDLE_STALE] = "bundle-stale",
    [FINDING_BUNDLE_CHANGED] = "bundle-changed",
    [FINDING_RESTART_PENDING] = "restart-pending",
    [FINDING_MAINTENANCE_SCHEDULED] = "maintenance-scheduled",
    [FINDING_DISCOVERY_FAILING] = "discovery-failing",
    [FINDING_INSTANCE_UNWATCHED] = "instance-unwatched",
    [FINDING_CLOCK_UNSYNCHRONISED] = "clock-unsynchronised",
    [FINDING_STATE_DAMAGED] = "state-damaged",
    [FINDING_STATE_UNWRITABLE] = "state-unwritable",
};
DEFINE_STRING_TABLE(finding, FindingId, ids);

static const char *const subject_kinds[] = {
    [SUBJECT_ENDPOINT] = "endpoint", [SUBJECT_TRUST_STORE] = "trust store", [SUBJECT_BUNDLE] = "bundle",
    [SUBJECT_RDS] = "rds",           [SUBJECT_DAEMON] = "daemon",
};
DEFINE_STRING_TABLE(subject_kind, SubjectKind, subject_kinds);

/* Made once with systemd-id128 new; never changed, since filters and the catalog lean on them. */
static const char *const message_ids[] = {
    [FINDING_ROTATION_DUE] = "013a6c32fa3f44efae0152e9d53b87ae",
    [FINDING_ROTATION_OVERDUE] = "2539a1e1c68242c495ab9d457ec0eb58",
    [FINDING_CERTIFICATE_EXPIRING] = "362ea253605b4101bc7e0121f80bd332",
    [FINDING_CERTIFICATE_EXPIRED] = "3bfeef269bd54d60a6b2f8ad736e4803",
    [FINDING_CERTIFICATE_NOT_YET_VALID] = "82ed25b733a84ceb9604221b558ec2a0",
    [FINDING_INTERMEDIATE_EXPIRING] = "176f02f24ccf4491bff70689196ec147",
    [FINDING_INTERMEDIATE_EXPIRED] = "52b368e43718419baf7c1708a9b961a2",
    [FINDING_CA_EXPIRING] = "35dc23080a5a432ea5af523bb3774755",
    [FINDING_CA_EXPIRED] = "9899a26723f14b77b13d8ef8406a47ae",
    [FINDING_CA_OUTLIVED] = "25220ef76b7042cca56ccac5f944801f",
    [FINDING_CA_MISMATCH] = "e1185bdd504c43a9934720bce5464bd6",
    [FINDING_CA_RETIRED] = "f99a811f1c2a4dedacd2b0047f653d5e",
    [FINDING_CA_UNKNOWN] = "3f78495136324c8ba2789c7476465857",
    [FINDING_CA_NOT_OFFERED] = "6293aafea8b2412dab5406cfb89e7ddd",
    [FINDING_CHAIN_UNTRUSTED] = "8354bfe693d347ff8e107be9610d414b",
    [FINDING_CHAIN_INCOMPLETE] = "b722d832f87346f3b58ae97a345c9864",
    [FINDING_NAME_MISMATCH] = "28bef9b077f94fb29e45a45d1fae2b59",
    [FINDING_SELF_SIGNED] = "26fce104a59847b78a8222a68ac08def",
    [FINDING_NO_SUBJECT_ALTERNATIVE_NAME] = "e9a8ad21aeee41769079a1286b62b7c0",
    [FINDING_WEAK_KEY] = "72baa202a7934c6f9951cccde9ae9562",
    [FINDING_WEAK_SIGNATURE] = "7eac87f36bb647318dc650b969e87126",
    [FINDING_LEGACY_TLS] = "f5e8c8c4af994862997c69bdf8028104",
    [FINDING_ADDRESSES_DISAGREE] = "8ac4bc23e58b471a876ebe6993738cd6",
    [FINDING_ROTATED] = "306aa92dea6f40d6a3c49f3f864b181f",
    [FINDING_ROTATED_EARLY] = "802c307d703442baba4acde331f2a9a0",
    [FINDING_ROTATED_BACK] = "363face397334357a2abab530ef4d854",
    [FINDING_CA_CHANGED] = "88288a988b774bdbb84c0af63c33cabf",
    [FINDING_PLAINTEXT_ACCEPTED] = "dadecc21e241402d8820a92e57bf361e",
    [FINDING_UNREACHABLE] = "4342b45688374cac89b229c90aab32f3",
    [FINDING_TLS_REFUSED] = "277055718fdc424683fa74ec8b6bae72",
    [FINDING_HANDSHAKE_FAILED] = "97f5242810b6454c9a7b9c00df42ba78",
    [FINDING_PROBER_BLOCKED] = "dccc2a8aed1b46c6b9d94836dc7f6260",
    [FINDING_NAME_UNRESOLVED] = "1e0f853ade884f488ab4abdc96061630",
    [FINDING_TRUST_STORE_LACKS_CA] = "ea5dfaca925a474e89989099c270509f",
    [FINDING_TRUST_STORE_UNREADABLE] = "56e553c11ac345cd88ee51eba453abbf",
    [FINDING_TRUST_STORE_EXPIRED] = "a4ca1f9f2a4f4a0c842f7bb0a75f8073",
    [FINDING_BUNDLE_STALE] = "de22f910fbe44e0a81e70757053c298d",
    [FINDING_BUNDLE_CHANGED] = "1fd4579792c14370a46f9e8fd3ee4ede",
    [FINDING_RESTART_PENDING] = "f3a519e59d914294abec182aa8d3036b",
    [FINDING_MAINTENANCE_SCHEDULED] = "1c0f9eb0b74d470d9c1922ae0cb754cf",
    [FINDING_DISCOVERY_FAILING] = "8bc26eccde3a432abbfc5177d96e26e4",
    [FINDING_INSTANCE_UNWATCHED] = "eb9312be39fb48108c46c62ebce8195c",
    [FINDING_CLOCK_UNSYNCHRONISED] = "f3553ddd57da4f32b0b20d852c53e630",
    [FINDING_STATE_DAMAGED] = "63599e2f89c84031ac48f955c52ae975",
    [FINDING_STATE_UNWRITABLE] = "50463d4d882248d1a29704663ecd8bc0",
};

const char *finding_message_id(FindingId id)
{
    return message_ids[id];
}

void finding_deinit(Finding *finding)
{
    free(finding->address);
    free(finding->ca);
    free(finding->message);
    free(finding->remedy);
    free(finding->cause);
    *finding = (Finding) { 0 };
}

Finding finding_copy(const Finding *finding)
{
    Finding copy = *finding;
    copy.address = xstrdup(finding->address);
    copy.ca = xstrdup(finding->ca);
    copy.message = xstrdup(finding->message);
    copy.remedy = xstrdup(finding->remedy);
    copy.cause = xstrdup(finding->cause);
    return copy;
}

Finding *finding_list_append(FindingList *list, Finding finding)
{
    list->items = xgrow(list->items, list->n, sizeof *list->items);
    list->items[list->n] = finding;
    return &list->items[list->n++];
}

Finding *finding_list_say(FindingList *list, FindingId id, Severity severity, const char *ca, int64_t due,
                          char *message, char *remedy)
{
    text_make_printable(message);
    text_make_printable(remedy);
    return finding_list_append(list, (Finding) {
                                         .id = id,
                                         .severity = severity,
                                         .ca = xstrdup(ca),
                                         .since = INSTANT_NONE,
                                         .due = due,
                                         .message = message,
                                         .remedy = remedy,
                                         .silenced_until = INSTANT_NONE,
                                     });
}

void finding_list_deinit(FindingList *list)
{
    for (size_t i = 0; i < list->n; i++)
        finding_deinit(&list->items[i]);
    free(list->items);
    *list = (FindingList) { 0 };
}

bool finding_same(const Finding *a, const Finding *b)
{
    return a->id == b->id && text_same(a->address, b->address) && text_same(a->ca, b->ca);
}

Severity finding_list_worst(const FindingList *list, Severity floor)
{
    for (size_t i = 0; i < list->n; i++)
        if (!list->items[i].pending && list->items[i].severity > floor)
            floor = list->items[i].severity;
    return floor;
}

Finding *finding_list_find(const FindingList *list, FindingId id, const char *address)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].id == id && text_same(list->items[i].address, address))
            return &list->items[i];
    return NULL;
}
