#include "rds/catalogue.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/instant.h"
#include "rds/value.h"

#define COLUMNS_MAX    10
#define LINE_MAX_BYTES 1024

extern const char catalogue_text[]; /* catalogue.tsv */

static const char *const environments[] = {
    [ENVIRONMENT_PRODUCTION] = "production",
    [ENVIRONMENT_BETA] = "beta",
    [ENVIRONMENT_PREVIEW] = "preview",
};
DEFINE_STRING_TABLE(environment, Environment, environments);

void catalogue_free(Catalogue *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_partitions; i++) {
        free(c->partitions[i].name);
        free(c->partitions[i].bundle_url);
    }
    for (size_t i = 0; i < c->n_regions; i++) {
        free(c->regions[i].name);
        free(c->regions[i].partition);
        free(c->regions[i].title);
        free(c->regions[i].bundle_url);
        free(c->regions[i].not_offered);
    }
    for (size_t i = 0; i < c->n_certificates; i++) {
        free(c->certificates[i].ca);
        free(c->certificates[i].region);
        free(c->certificates[i].cn);
        free(c->certificates[i].sha1);
        free(c->certificates[i].sha256);
    }
    free(c->partitions);
    free(c->regions);
    free(c->certificates);
    free(c->version);
    free(c->origin);
    free(c);
}

/* Gets into remedies that are pasted into a shell, and has a .p7b beside it. */
static bool is_url(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/",
                      end[] = ".pem";
    size_t length = strlen(text);
    return strncmp(text, "https://", 8) == 0 && strspn(text + 8, letters) == length - 8 &&
           strchr(text + 8, '/') && strcmp(text + length - strlen(end), end) == 0;
}

static bool is_partition(const char *text)
{
    return strncmp(text, "aws", 3) == 0 && text_is_name(text);
}

/* Where an authority signs: in a region, in a partition, everywhere; of Amazon's own tests, in words. */
static bool is_place(const char *text)
{
    return value_is_region(text) || is_partition(text) || strcmp(text, "*") == 0;
}

/* "-", or CA identifiers with commas between them. */
static bool is_ca_list(const char *text)
{
    _cleanup_free_ char *copy = xstrdup(text);
    char *rest = copy;
    if (strcmp(text, "-") == 0)
        return true;
    while (rest)
        if (!value_is_ca(strsep(&rest, ",")))
            return false;
    return true;
}

static const char *read_version(Catalogue *c, char **column)
{
    int64_t ignored;
    _cleanup_free_ char *midnight = xasprintf("%sT00:00:00Z", column[1]);
    if (instant_parse(midnight, &ignored) < 0)
        return "expected a day such as 2026-09-30";
    if (c->version)
        return "there is a version already";
    c->version = xstrdup(column[1]);
    return NULL;
}

static const char *read_partition(Catalogue *c, char **column)
{
    if (!is_partition(column[1]) || !is_url(column[2]))
        return "expected a partition's name and the URL of its global bundle (https://....pem)";
    c->partitions = xgrow(c->partitions, c->n_partitions, sizeof *c->partitions);
    c->partitions[c->n_partitions++] =
        (Partition) { .name = xstrdup(column[1]), .bundle_url = xstrdup(column[2]) };
    return NULL;
}

static const char *read_region(Catalogue *c, char **column)
{
    if (!value_is_region(column[1]) || !is_partition(column[2]) || !is_url(column[4]) || !is_ca_list(column[5]))
        return "expected a region, its partition, its name, the URL of its bundle (https://....pem), and the "
               "CA "
               "identifiers that it "
               "does not offer, or -";
    if (catalogue_region(c, column[1]))
        return "this region was there already";
    c->regions = xgrow(c->regions, c->n_regions, sizeof *c->regions);
    c->regions[c->n_regions++] = (Region) {
        .name = xstrdup(column[1]),
        .partition = xstrdup(column[2]),
        .title = xstrdup(column[3]),
        .bundle_url = xstrdup(column[4]),
        .not_offered = xstrdup(column[5]),
    };
    return NULL;
}

static const char *read_authority(Catalogue *c, char **column)
{
    int environment = environment_from_string(column[3]), role = certificate_role_from_string(column[4]);
    KnownCertificate known = { 0 };
    if ((!value_is_ca(column[1]) && strcmp(column[1], TRUST_SERVICES) != 0) || !is_place(column[2]))
        return "expected a CA identifier and a region";
    if (environment < 0)
        return "expected production, beta or preview as the third word";
    if (role != ROLE_ROOT && role != ROLE_INTERMEDIATE)
        return "expected root or intermediate as the fourth word";
    if (instant_parse(column[6], &known.not_before) < 0 || instant_parse(column[7], &known.not_after) < 0)
        return "expected two dates such as 2021-05-25T22:34:57Z after the CN";
    if (!value_is_hex(column[8], 40) || !value_is_hex(column[9], 64))
        return "expected the SHA-1 and the SHA-256 in lower-case hex at the end";
    known.ca = xstrdup(column[1]);
    known.region = xstrdup(column[2]);
    known.environment = (Environment)environment;
    known.role = (CertificateRole)role;
    known.cn = xstrdup(column[5]);
    known.sha1 = xstrdup(column[8]);
    known.sha256 = xstrdup(column[9]);
    c->certificates = xgrow(c->certificates, c->n_certificates, sizeof *c->certificates);
    c->certificates[c->n_certificates++] = known;
    return NULL;
}

static const struct {
    const char *word;
    size_t n_columns;
    const char *(*read)(Catalogue *c, char **column); /* what is wrong, or NULL */
} kinds[] = {
    { "version", 2, read_version },
    { "partition", 3, read_partition },
    { "region", 6, read_region },
    { "authority", 10, read_authority },
};

static const char *read_line(Catalogue *c, char *line)
{
    char *column[COLUMNS_MAX] = { 0 }, *rest = line;
    size_t n = 0;
    while (rest && n < COLUMNS_MAX)
        column[n++] = strsep(&rest, "\t");
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (strcmp(kinds[i].word, column[0]) == 0)
            return n == kinds[i].n_columns && !rest ? kinds[i].read(c, column)
                                                    : "has too few or too many columns; tabs separate them";
    return "expected version, partition, region or authority at the line's beginning";
}

int catalogue_parse(const char *path, const char *text, Catalogue **ret, char ***errors)
{
    _cleanup_(catalogue_freep) Catalogue *c = xcalloc(1, sizeof *c);
    size_t errors_before = strv_length(*errors);
    c->origin = xstrdup(path);
    for (size_t number = 1; *text; number++) {
        char line[LINE_MAX_BYTES];
        const char *wrong = NULL;
        size_t length = strcspn(text, "\n");
        if (number > CATALOGUE_ROWS_MAX)
            wrong = "there are too many lines";
        else if (length >= sizeof line)
            wrong = "is too long";
        else {
            memcpy(line, text, length);
            line[length] = 0;
            line[strcspn(line, "\r")] = 0;
            if (line[0] && line[0] != '#')
                wrong = read_line(c, line);
        }
        if (wrong)
            strv_append(errors, xasprintf("%s:%zu: %s", path, number, wrong));
        if (number > CATALOGUE_ROWS_MAX)
            break;
        text += length + (text[length] == '\n');
    }
    if (!c->version)
        strv_append(errors, xasprintf("%s: no version; expected a line \"version<TAB>2026-09-30\"", path));
    if (c->n_partitions == 0)
        strv_append(errors,
                    xasprintf("%s: no partition; expected a line \"partition<TAB>aws<TAB>https://...\"", path));
    if (strv_length(*errors) > errors_before)
        return -EINVAL;
    *ret = TAKE(c);
    return 0;
}

Catalogue *catalogue_new_builtin(void)
{
    char **errors = NULL;
    Catalogue *catalogue = NULL;
    int r = catalogue_parse("built in", catalogue_text, &catalogue, &errors);
    assert(r == 0); /* a unit test reads it */
    return catalogue;
}

int catalogue_offer(Catalogue **catalogue, const char *path, const char *text, char ***errors, char ***warnings)
{
    Catalogue *offered, *old = *catalogue;
    int r = catalogue_parse(path, text, &offered, errors);
    if (r < 0)
        return r;
    bool newer = strcmp(offered->version, old->version) > 0;
    if (!newer)
        strv_append(warnings, xasprintf("%s: version %s is not newer than %s (%s), ignoring", path,
                                        offered->version, old->version, old->origin));
    *catalogue = newer ? offered : old;
    catalogue_free(newer ? old : offered);
    return 0;
}

const Region *catalogue_region(const Catalogue *catalogue, const char *region)
{
    for (size_t i = 0; region && i < catalogue->n_regions; i++)
        if (strcmp(catalogue->regions[i].name, region) == 0)
            return &catalogue->regions[i];
    return NULL;
}

const KnownCertificate *catalogue_find(const Catalogue *catalogue, const char *sha256)
{
    for (size_t i = 0; i < catalogue->n_certificates; i++)
        if (strcmp(catalogue->certificates[i].sha256, sha256) == 0)
            return &catalogue->certificates[i];
    return NULL;
}

/* A region that one opts into had roots of its own where others shared one: those go first. */
const KnownCertificate *catalogue_root(const Catalogue *catalogue, const char *ca, const char *region)
{
    const Region *known = catalogue_region(catalogue, region);
    const KnownCertificate *shared = NULL;
    for (size_t i = 0; i < catalogue->n_certificates; i++) {
        const KnownCertificate *c = &catalogue->certificates[i];
        if (c->environment != ENVIRONMENT_PRODUCTION || c->role != ROLE_ROOT || strcmp(c->ca, ca) != 0)
            continue;
        if (!region || strcmp(c->region, region) == 0)
            return c;
        if (strcmp(c->region, "*") == 0 || (known && strcmp(c->region, known->partition) == 0))
            shared = c;
    }
    return shared;
}

bool catalogue_has_ca(const Catalogue *catalogue, const char *ca)
{
    return strcmp(ca, TRUST_SERVICES) != 0 && catalogue_root(catalogue, ca, NULL) != NULL;
}

const char *catalogue_nearest_ca(const Catalogue *catalogue, const char *misspelt)
{
    Nearest nearest = { .misspelt = misspelt };
    for (size_t i = 0; i < catalogue->n_certificates; i++)
        if (strcmp(catalogue->certificates[i].ca, TRUST_SERVICES) != 0)
            nearest_offer(&nearest, catalogue->certificates[i].ca);
    return nearest.word;
}

const char *catalogue_bundle_url(const Catalogue *catalogue, const char *region)
{
    const Region *known = catalogue_region(catalogue, region);
    return known ? known->bundle_url : catalogue->partitions[0].bundle_url;
}

bool region_offers(const Region *region, const char *ca)
{
    const char *found = strstr(region->not_offered, ca);
    size_t length = strlen(ca);
    return !found || (found[length] && found[length] != ','); /* no identifier begins with another one */
}
