#include "rds/authority.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "rds/value.h"

#define WORDS_MAX      10 /* the longest name has eight */
#define NAME_MAX_BYTES 128

bool authority_rotates(const Authority *authority)
{
    return authority_id_rotates(authority->id);
}

bool authority_id_rotates(const char *id)
{
    return strstr(id, "-g") != NULL; /* the generations since g1 */
}

typedef struct Words {
    char text[NAME_MAX_BYTES];
    const char *word[WORDS_MAX + 1]; /* NULL after the last */
    size_t next;
} Words;

static bool split(const char *text, Words *words)
{
    size_t n = 0;
    char *rest = NULL;
    *words = (Words) { 0 };
    if (strlen(text) >= sizeof words->text)
        return false;
    strcpy(words->text, text);
    for (char *w = strtok_r(words->text, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) {
        if (n == WORDS_MAX)
            return false;
        words->word[n++] = w;
    }
    return true;
}

static bool skip(Words *words, const char *word)
{
    if (!words->word[words->next] || strcmp(words->word[words->next], word) != 0)
        return false;
    words->next++;
    return true;
}

static bool at_end(const Words *words)
{
    return !words->word[words->next];
}

static const char *take_region(Words *words)
{
    const char *word = words->word[words->next];
    if (!word || !value_is_region(word))
        return NULL;
    words->next++;
    return word;
}

/* "", or ".A.10": which of a generation's intermediates it is. */
static bool is_subordinate(const char *text)
{
    return strspn(text, ".ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == strlen(text);
}

/* "RSA2048 G1" or "RSA2048 G1.A.10" to "rds-ca-rsa2048-g1": facts of the g1 hierarchy, read out of its
 * certificates. */
static bool take_generation(Words *words, char *id, size_t size)
{
    const char *key = words->word[words->next], *generation = key ? words->word[words->next + 1] : NULL;
    if (!generation || words->word[words->next + 2] || generation[0] != 'G' ||
        (strncmp(key, "RSA", 3) != 0 && strncmp(key, "ECC", 3) != 0) ||
        strspn(key + 3, "0123456789") != strlen(key + 3) ||
        !is_subordinate(generation + strcspn(generation, ".")))
        return false;
    int n = snprintf(id, size, "rds-ca-%s-%.*s", key, (int)strcspn(generation, "."), generation);
    if (n < 0 || (size_t)n >= size)
        return false;
    for (char *c = id; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return value_is_ca(id);
}

/* "Amazon RDS <region> CA": 2015, 2017 in GovCloud, 2019 in regions that are opted into; its issuer tells. */
static const char *ambiguous_id(const char *region, const char *issuer_cn)
{
    char opt_in_root[NAME_MAX_BYTES];
    if (!issuer_cn)
        return NULL;
    if (strcmp(issuer_cn, "Amazon RDS Root CA") == 0)
        return "rds-ca-2015";
    if (strcmp(issuer_cn, "Amazon RDS GovCloud Root CA") == 0)
        return "rds-ca-2017";
    if (strcmp(issuer_cn, "Amazon RDS CN Root CA") == 0)
        return "rds-ca-2017";
    snprintf(opt_in_root, sizeof opt_in_root, "Amazon RDS %s Root CA", region);
    return strcmp(issuer_cn, opt_in_root) == 0 ? "rds-ca-2019" : NULL;
}

/* The roots that sign for many regions. */
static const struct {
    const char *cn, *id;
    bool preview;
} global_roots[] = {
    { "Amazon RDS Root 2019 CA", "rds-ca-2019" },
    { "Amazon RDS Root CA", "rds-ca-2015" },
    { "Amazon RDS GovCloud Root CA", "rds-ca-2017" },
    { "Amazon RDS CN Root CA", "rds-ca-2017" },
    { "Amazon RDS Beta Root 2019 CA", "rds-ca-2019", true },
    { "Amazon RDS Preview Root 2019 CA", "rds-ca-2019", true },
    { "aws.amazon.com/rds/", "rds-ca-2010" },
};

static bool named(Authority *ret, const char *id)
{
    return id && snprintf(ret->id, sizeof ret->id, "%s", id) > 0;
}

bool authority_from_names(const char *cn, const char *issuer_cn, Authority *ret)
{
    Words words;
    Authority authority = { 0 };
    *ret = authority;
    if (!cn || !split(cn, &words))
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(global_roots); i++)
        if (strcmp(cn, global_roots[i].cn) == 0) {
            ret->preview = global_roots[i].preview;
            return named(ret, global_roots[i].id);
        }

    if (!skip(&words, "Amazon") || !skip(&words, "RDS"))
        return false;
    authority.preview = skip(&words, "Beta") || skip(&words, "Preview");
    const char *region = take_region(&words);
    if (!region)
        return false;
    if (strncmp(region, "preview-", strlen("preview-")) == 0) { /* of 2015 */
        authority.preview = true;
        region += strlen("preview-");
    }
    strcpy(authority.region, region);

    bool ok;
    if (skip(&words, "2019"))
        ok = skip(&words, "CA") && at_end(&words) && named(&authority, "rds-ca-2019");
    else {
        bool root = skip(&words, "Root");
        if (!root)
            (void)skip(&words, "Subordinate");
        /* The guides print g1 names without "Root CA", and four intermediates in GovCloud are named like that.
         */
        bool ca = skip(&words, "CA");
        if (at_end(&words))
            ok = ca && named(&authority, root ? "rds-ca-2019" : ambiguous_id(region, issuer_cn));
        else
            ok = take_generation(&words, authority.id, sizeof authority.id);
    }
    if (ok)
        *ret = authority;
    return ok;
}

static bool is_trust_services(const char *cn)
{
    static const char *const beginnings[] = { "Amazon RSA ", "Amazon ECDSA ", "Amazon Root CA ",
                                              "Starfield Services Root Certificate Authority" };
    for (size_t i = 0; cn && i < ARRAY_SIZE(beginnings); i++)
        if (strncmp(cn, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    return false;
}

static bool from_catalogue(const KnownCertificate *known, Authority *ret)
{
    ret->trust_services = strcmp(known->ca, TRUST_SERVICES) == 0;
    if (ret->trust_services)
        return false;
    ret->preview = known->environment != ENVIRONMENT_PRODUCTION;
    snprintf(ret->id, sizeof ret->id, "%s", known->ca);
    if (strchr(known->region, '-') && isdigit((unsigned char)known->region[strlen(known->region) - 1]))
        snprintf(ret->region, sizeof ret->region, "%s", known->region);
    return true;
}

/* The one certificate that has this name; none if several do. */
static const KnownCertificate *find_by_name(const Catalogue *catalogue, const char *cn)
{
    const KnownCertificate *found = NULL;
    for (size_t i = 0; cn && i < catalogue->n_certificates; i++)
        if (strcmp(catalogue->certificates[i].cn, cn) == 0) {
            if (found)
                return NULL;
            found = &catalogue->certificates[i];
        }
    return found;
}

bool authority_of_server(const Certificate *server, const Chain *path, const Catalogue *catalogue,
                         Authority *ret)
{
    *ret = (Authority) { 0 };
    if (server->self_issued)
        return false;
    const Certificate *signer = path->n > 0 ? path->certificates[0] : NULL;
    const KnownCertificate *known = catalogue && signer ? catalogue_find(catalogue, signer->sha256) : NULL;
    if (known)
        return from_catalogue(known, ret);
    if (authority_from_names(server->issuer_cn, signer ? signer->issuer_cn : NULL, ret))
        return true;
    ret->trust_services = is_trust_services(server->issuer_cn);
    known = catalogue && !signer ? find_by_name(catalogue, server->issuer_cn) : NULL;
    return known && from_catalogue(known, ret);
}
