/*
 * The table of findings: their words, and what a manual says of them (dbcertd --list-findings prints it, and
 * dbcertd-findings(7) is made from that). Under which conditions each is found is in rules/; what is typed for
 * one endpoint is made in rules/remedy.c, here it stands for any.
 */

#include "model/finding.h"

#include <errno.h>
#include <string.h>

#define NOTICE   (1U << SEVERITY_NOTICE)
#define UNKNOWN  (1U << SEVERITY_UNKNOWN)
#define WARNING  (1U << SEVERITY_WARNING)
#define CRITICAL (1U << SEVERITY_CRITICAL)

/* What several have in common. */
#define MODIFY   "aws rds modify-db-instance --db-instance-identifier ID --ca-certificate-identifier CA "
#define AT_ONCE  MODIFY "--apply-immediately"
#define IN_TIME  MODIFY "--no-apply-immediately"
#define DESCRIBE "aws rds describe-db-instances --db-instance-identifier ID"
#define PLAN     "dbcertctl plan CA"
#define PROBE    "dbcertctl probe NAME"
#define SHOW     "dbcertctl show NAME"

/* A MESSAGE_ID is made once with systemd-id128 new and never changed: filters and the catalog lean on it. */
/* clang-format off */
static const FindingInfo infos[N_FINDINGS] = {
    [FINDING_ROTATION_DUE] = {
        "rotation-due", "013a6c32fa3f44efae0152e9d53b87ae", SUBJECT_ENDPOINT, NOTICE | WARNING,
        NULL,
        "The part of the life has begun in which the certificate is replaced. Classes online and acm: a notice, from half-life, and from 60 days before the end (or a third of the life, if that is shorter). Class restart: a warning from 6 months before the end, since a person has to act; a notice once RDS has a date for it.",
        DESCRIBE "; class restart: " IN_TIME },
    [FINDING_ROTATION_OVERDUE] = {
        "rotation-overdue", "2539a1e1c68242c495ab9d457ec0eb58", SUBJECT_ENDPOINT, WARNING | CRITICAL,
        "thresholds.online_grace thresholds.restart_warning thresholds.restart_critical thresholds.acm_warning thresholds.acm_critical",
        "The rotation has stalled. Class online: the first maintenance window after half-life is gone, and online_grace with it (without a known window, twice that after half-life): a warning; from three quarters of the life critical. Classes restart and acm: so long before the end.",
        AT_ONCE },
    [FINDING_CERTIFICATE_EXPIRING] = {
        "certificate-expiring", "362ea253605b4101bc7e0121f80bd332", SUBJECT_ENDPOINT, WARNING | CRITICAL,
        "thresholds.expiring_warning thresholds.expiring_critical",
        "The certificate ends soon, and nothing has replaced it. Less for lives under 90 days.",
        AT_ONCE },
    [FINDING_CERTIFICATE_EXPIRED] = {
        "certificate-expired", "3bfeef269bd54d60a6b2f8ad736e4803", SUBJECT_ENDPOINT, CRITICAL,
        NULL,
        "The certificate has ended. Clients that verify are cut off.",
        AT_ONCE },
    [FINDING_CERTIFICATE_NOT_YET_VALID] = {
        "certificate-not-yet-valid", "82ed25b733a84ceb9604221b558ec2a0", SUBJECT_ENDPOINT, CRITICAL,
        NULL,
        "The certificate's life begins in the future: it was put in place too early, or a clock is wrong.",
        DESCRIBE "; timedatectl" },
    [FINDING_INTERMEDIATE_EXPIRING] = {
        "intermediate-expiring", "176f02f24ccf4491bff70689196ec147", SUBJECT_ENDPOINT, NOTICE | WARNING | CRITICAL,
        "thresholds.expiring_warning thresholds.expiring_critical",
        "The CA that signs ends soon. A notice from the day on which the next certificate would outlive it.",
        DESCRIBE },
    [FINDING_INTERMEDIATE_EXPIRED] = {
        "intermediate-expired", "52b368e43718419baf7c1708a9b961a2", SUBJECT_ENDPOINT, CRITICAL,
        NULL,
        "The CA that signs has ended, and the chain with it.",
        AT_ONCE },
    [FINDING_CA_EXPIRING] = {
        "ca-expiring", "35dc23080a5a432ea5af523bb3774755", SUBJECT_ENDPOINT, NOTICE | WARNING | CRITICAL,
        "thresholds.ca_notice thresholds.ca_warning thresholds.ca_critical",
        "The root that the chain leads to, in the bundle or as it was sent, ends. Less for roots of under 5 years.",
        PLAN },
    [FINDING_CA_EXPIRED] = {
        "ca-expired", "9899a26723f14b77b13d8ef8406a47ae", SUBJECT_ENDPOINT, CRITICAL,
        NULL,
        "The root has ended, and everything below it.",
        PLAN "; " AT_ONCE },
    [FINDING_CA_OUTLIVED] = {
        "ca-outlived", "25220ef76b7042cca56ccac5f944801f", SUBJECT_ENDPOINT, NOTICE | WARNING,
        NULL,
        "The next certificate, of 12 or 36 months by its class, would outlive the root: a notice, and a warning once it is due.",
        PLAN },
    [FINDING_CA_MISMATCH] = {
        "ca-mismatch", "e1185bdd504c43a9934720bce5464bd6", SUBJECT_ENDPOINT, WARNING,
        NULL,
        "The CA that signs is not the configured one or not the one that the RDS API says, is another region's, or belongs to Amazon's own tests (Beta, Preview). Not where a change to it is scheduled or waits for a restart.",
        IN_TIME "; or set ca to what is served" },
    [FINDING_CA_RETIRED] = {
        "ca-retired", "f99a811f1c2a4dedacd2b0047f653d5e", SUBJECT_ENDPOINT, WARNING,
        NULL,
        "The CA that signs does not rotate certificates by itself: rds-ca-2019 and older.",
        PLAN },
    [FINDING_CA_UNKNOWN] = {
        "ca-unknown", "3f78495136324c8ba2789c7476465857", SUBJECT_ENDPOINT, NOTICE | WARNING,
        NULL,
        "The CA that signs is not in the catalogue, or is none of RDS's although the endpoint's name is: a notice. A root that has the name of one of Amazon's and another fingerprint: a warning.",
        "aws rds describe-certificates; then a newer dbcertd, or catalogue.tsv beside dbcertd.conf" },
    [FINDING_CA_NOT_OFFERED] = {
        "ca-not-offered", "6293aafea8b2412dab5406cfb89e7ddd", SUBJECT_ENDPOINT, WARNING,
        NULL,
        "The CA that is configured, or is to come, is not one that the engine's version can have by the RDS API; where that is not asked, the RDS user guide says that the region does not offer it. Not while it is served.",
        "aws rds describe-certificates; then another ca for the endpoint" },
    [FINDING_CHAIN_UNTRUSTED] = {
        "chain-untrusted", "8354bfe693d347ff8e107be9610d414b", SUBJECT_ENDPOINT, WARNING,
        NULL,
        "The chain leads to no root in the bundles (of a proxy: to none that the system trusts).",
        "curl -fsSo /etc/dbcertd/bundles/global-bundle.pem https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem && systemctl reload dbcertd" },
    [FINDING_CHAIN_INCOMPLETE] = {
        "chain-incomplete", "b722d832f87346f3b58ae97a345c9864", SUBJECT_ENDPOINT, WARNING,
        NULL,
        "The server does not send the CA that signs: a client that has roots alone cannot verify it.",
        AT_ONCE },
    [FINDING_NAME_MISMATCH] = {
        "name-mismatch", "28bef9b077f94fb29e45a45d1fae2b59", SUBJECT_ENDPOINT, WARNING,
        NULL,
        "The certificate does not carry the endpoint's name.",
        "set host to the endpoint's own name, or verify_name; systemctl reload dbcertd" },
    [FINDING_SELF_SIGNED] = {
        "self-signed", "26fce104a59847b78a8222a68ac08def", SUBJECT_ENDPOINT, WARNING,
        NULL,
        "The server made its certificate itself.",
        "openssl s_client -connect HOST:PORT -showcerts; then a certificate of a CA on the server" },
    [FINDING_NO_SUBJECT_ALTERNATIVE_NAME] = {
        "no-subject-alternative-name", "e9a8ad21aeee41769079a1286b62b7c0", SUBJECT_ENDPOINT, WARNING,
        NULL,
        "The certificate carries its name as common name alone; clients that keep to RFC 9525 refuse it.",
        AT_ONCE },
    [FINDING_WEAK_KEY] = {
        "weak-key", "72baa202a7934c6f9951cccde9ae9562", SUBJECT_ENDPOINT, WARNING,
        NULL,
        "A certificate that was sent has a key of less than 112 bits of security (RSA under 2048 bits).",
        AT_ONCE },
    [FINDING_WEAK_SIGNATURE] = {
        "weak-signature", "7eac87f36bb647318dc650b969e87126", SUBJECT_ENDPOINT, WARNING,
        NULL,
        "A certificate that was sent is signed with SHA-1 or MD5, a root's own signature aside.",
        AT_ONCE },
    [FINDING_LEGACY_TLS] = {
        "legacy-tls", "f5e8c8c4af994862997c69bdf8028104", SUBJECT_ENDPOINT, NOTICE | WARNING,
        NULL,
        "The server chose TLS 1.0 or 1.1, a warning; or static RSA, 3DES or RC4, a notice; although it was offered better.",
        "allow TLS 1.2 with ECDHE on the server (SQL Server: parameter rds.tls12; Oracle: the SSL option's SQLNET.CIPHER_SUITE)" },
    [FINDING_ADDRESSES_DISAGREE] = {
        "addresses-disagree", "8ac4bc23e58b471a876ebe6993738cd6", SUBJECT_ENDPOINT, NOTICE | WARNING,
        NULL,
        "Behind one name the certificates come from different CAs, or some addresses serve an older certificate of the same instance: a warning. Instances of a cluster have a certificate each; if one is past the time to rotate and another is not, a notice.",
        SHOW },
    [FINDING_CERTIFICATE_UNSTABLE] = {
        "certificate-unstable", "b49e12dfb31c43d69529aa37eedc7109", SUBJECT_ENDPOINT, WARNING,
        NULL,
        "An address shows one new certificate after the other: 4 of its latest 8 probes showed one that it had never shown, in place of one that it had shown for less than a day. While the finding is active, changes at that address raise no events, and history keeps the first and the latest certificates. It resolves once 8 probes in a row showed no new one. Nodes behind one address that show certificates of their own do not count.",
        SHOW "; then give the server a certificate and a key that it keeps" },
    [FINDING_ROTATED] = {
        "rotated", "306aa92dea6f40d6a3c49f3f864b181f", SUBJECT_ENDPOINT, NOTICE,
        NULL,
        "An event: an address serves a new certificate of the same CA, on time or late. The message has both serials, the age at rotation and whether the key was kept. A certificate that a server made for itself does not count; one that came while dbcertd was not running is told at the next start.",
        SHOW },
    [FINDING_ROTATED_EARLY] = {
        "rotated-early", "802c307d703442baba4acde331f2a9a0", SUBJECT_ENDPOINT, NOTICE,
        NULL,
        "An event: the same, before it was due.",
        SHOW },
    [FINDING_ROTATED_BACK] = {
        "rotated-back", "363face397334357a2abab530ef4d854", SUBJECT_ENDPOINT, WARNING,
        NULL,
        "An event: an older certificate of the same instance is served again.",
        SHOW },
    [FINDING_CA_CHANGED] = {
        "ca-changed", "88288a988b774bdbb84c0af63c33cabf", SUBJECT_ENDPOINT, NOTICE,
        NULL,
        "An event: another CA signs than before.",
        "dbcertctl trust; set ca to the new one" },
    [FINDING_PLAINTEXT_ACCEPTED] = {
        "plaintext-accepted", "dadecc21e241402d8820a92e57bf361e", SUBJECT_ENDPOINT, WARNING,
        NULL,
        "The server also takes connections without TLS. Only where check_plaintext asks for it.",
        "aws rds modify-db-parameter-group, rds.force_ssl or require_secure_transport" },
    [FINDING_UNREACHABLE] = {
        "unreachable", "4342b45688374cac89b229c90aab32f3", SUBJECT_ENDPOINT, UNKNOWN,
        "alerts.unreachable_after",
        "Nothing answers at an address. Never while the RDS API says that the instance is stopped, being made or gone. What was last seen keeps being judged.",
        "nc -vz ADDRESS PORT; " PROBE },
    [FINDING_TLS_REFUSED] = {
        "tls-refused", "277055718fdc424683fa74ec8b6bae72", SUBJECT_ENDPOINT, WARNING,
        "alerts.unreachable_after",
        "The server answers, and takes no TLS on this port.",
        "set port or engine for the endpoint; or turn TLS on: aws rds add-option-to-option-group, ssl_cert, ssl = on" },
    [FINDING_HANDSHAKE_FAILED] = {
        "handshake-failed", "97f5242810b6454c9a7b9c00df42ba78", SUBJECT_ENDPOINT, UNKNOWN,
        "alerts.unreachable_after",
        "The TLS handshake does not come to its end; the message says where it stopped.",
        PROBE },
    [FINDING_PROBER_BLOCKED] = {
        "prober-blocked", "dccc2a8aed1b46c6b9d94836dc7f6260", SUBJECT_ENDPOINT, CRITICAL,
        NULL,
        "At once, when MySQL or MariaDB blocks this host (error 1129). That address is left alone until dbcertctl probe asks for it.",
        "on the server: FLUSH HOSTS; then here: " PROBE },
    [FINDING_NAME_UNRESOLVED] = {
        "name-unresolved", "1e0f853ade884f488ab4abdc96061630", SUBJECT_ENDPOINT, UNKNOWN,
        "alerts.unreachable_after",
        "The host's name has no address, or none that dbcertd may connect to without loopback = true. Never while the RDS API says that the instance is stopped, being made or gone.",
        "getent ahosts HOST" },
    [FINDING_TRUST_STORE_LACKS_CA] = {
        "trust-store-lacks-ca", "ea5dfaca925a474e89989099c270509f", SUBJECT_TRUST_STORE, WARNING | CRITICAL,
        NULL,
        "Clients with the store refuse what endpoints serve now, critical; or what they will serve by their configured CA, a warning. One finding for each CA in each region.",
        "curl -fsS BUNDLE >>FILE; a Java key store: keytool -importcert" },
    [FINDING_TRUST_STORE_UNREADABLE] = {
        "trust-store-unreadable", "56e553c11ac345cd88ee51eba453abbf", SUBJECT_TRUST_STORE, WARNING,
        NULL,
        "It cannot be read, and why; what was read before goes on being judged.",
        "setfacl -m u:dbcertd:r FILE; namei -l FILE" },
    [FINDING_TRUST_STORE_EXPIRED] = {
        "trust-store-expired", "a4ca1f9f2a4f4a0c842f7bb0a75f8073", SUBJECT_TRUST_STORE, WARNING | CRITICAL,
        NULL,
        "The last of its certificates ends within 90 days, a warning; has ended, critical.",
        "curl -fsS BUNDLE >>FILE" },
    [FINDING_BUNDLE_STALE] = {
        "bundle-stale", "de22f910fbe44e0a81e70757053c298d", SUBJECT_BUNDLE, NOTICE | WARNING,
        NULL,
        "A bundle could not be fetched for 3 intervals and at least 3 days (at once, if none ever was); or what was fetched is not adopted, since it does not parse, has less than half the certificates, or lacks a root that an endpoint leads to now: a warning. It has not changed for 2 years: a notice.",
        "curl -fsS URL | openssl crl2pkcs7 -nocrl -certfile /dev/stdin | openssl pkcs7 -print_certs -noout" },
    [FINDING_BUNDLE_CHANGED] = {
        "bundle-changed", "1fd4579792c14370a46f9e8fd3ee4ede", SUBJECT_BUNDLE, NOTICE,
        NULL,
        "Another bundle is in use since less than a week; the message names what came and went.",
        "dbcertctl authorities; dbcertctl trust" },
    [FINDING_RESTART_PENDING] = {
        "restart-pending", "f3a519e59d914294abec182aa8d3036b", SUBJECT_ENDPOINT, WARNING,
        NULL,
        "By the RDS API the instance has a newer certificate or CA than is served, and that was so still an interval later.",
        "aws rds reboot-db-instance --db-instance-identifier ID; then here: " PROBE },
    [FINDING_MAINTENANCE_SCHEDULED] = {
        "maintenance-scheduled", "1c0f9eb0b74d470d9c1922ae0cb754cf", SUBJECT_ENDPOINT, NOTICE,
        NULL,
        "By the RDS API a ca-certificate-rotation is pending, with its dates, or the CA is changed in the next maintenance window.",
        "aws rds describe-pending-maintenance-actions" },
    [FINDING_DISCOVERY_FAILING] = {
        "discovery-failing", "8bc26eccde3a432abbfc5177d96e26e4", SUBJECT_RDS, WARNING,
        NULL,
        "The API has not answered for three intervals (five minutes, if it never has), or refuses a part of what it is asked. What is known goes on being watched.",
        "aws sts get-caller-identity; aws rds describe-db-instances --region REGION --max-items 1" },
    [FINDING_INSTANCE_UNWATCHED] = {
        "instance-unwatched", "eb9312be39fb48108c46c62ebce8195c", SUBJECT_RDS, NOTICE,
        NULL,
        "An instance cannot be watched as it is: Oracle's and Db2's, since their TLS port is not in the API, and others that the message explains. It has the line to add to the configuration.",
        "add the endpoint with its TLS port, or add it to exclude; systemctl reload dbcertd" },
    [FINDING_CLOCK_UNSYNCHRONISED] = {
        "clock-unsynchronised", "f3553ddd57da4f32b0b20d852c53e630", SUBJECT_DAEMON, NOTICE | CRITICAL,
        NULL,
        "The host's clock shows an instant before this dbcertd was written: nothing is probed or judged until it is set, and that is critical. Or the kernel says that it is not synchronised: a notice, and watching goes on. Neither is said, and both are waited for, in the first two minutes after the host has booted.",
        "timedatectl status; timedatectl set-ntp true" },
    [FINDING_STATE_DAMAGED] = {
        "state-damaged", "63599e2f89c84031ac48f955c52ae975", SUBJECT_DAEMON, WARNING,
        NULL,
        "The database in the state directory was damaged, was set aside under a name with the date, and another one was begun. It stands for as long as the damaged file lies there.",
        "sqlite3 FILE .recover; look at the disk (dmesg); then rm FILE" },
    [FINDING_STATE_UNWRITABLE] = {
        "state-unwritable", "50463d4d882248d1a29704663ecd8bc0", SUBJECT_DAEMON, WARNING,
        NULL,
        "The state directory cannot be written. Watching and alerting go on; all is written once it can be.",
        "df -h /var/lib/dbcertd; ls -ld /var/lib/dbcertd" },
};
/* clang-format on */

const FindingInfo *finding_info(FindingId id)
{
    return &infos[id];
}

bool finding_is_event(FindingId id)
{
    return id >= FINDING_ROTATED && id <= FINDING_CA_CHANGED;
}

const char *finding_to_string(FindingId id)
{
    return (size_t)id < N_FINDINGS ? infos[id].word : NULL;
}

int finding_from_string(const char *text)
{
    for (int i = 0; i < (int)N_FINDINGS; i++)
        if (strcmp(infos[i].word, text) == 0)
            return i;
    return -EINVAL;
}
