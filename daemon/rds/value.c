#include "rds/value.h"

#include <string.h>

#include "base/text.h"

#define LOWER    "abcdefghijklmnopqrstuvwxyz"
#define DIGITS   "0123456789"
#define ALPHABET LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

#define ENGINE_BYTES_MAX  64   /* the longest has 21 */
#define VERSION_BYTES_MAX 64   /* the longest has 32: "19.0.0.0.ru-2024-01.rur-2024-01.r1" and its like */
#define ARN_BYTES_MAX     1224 /* a role's: 1,011 of its path and name, and what is before them */

bool value_is_hex(const char *text, size_t length)
{
    return strlen(text) == length && strspn(text, "0123456789abcdef") == length;
}

/* Goes past min to max of these letters; false if there are fewer or more. */
static bool take(const char **text, const char *letters, size_t min, size_t max)
{
    size_t n = strspn(*text, letters);
    *text += n;
    return n >= min && n <= max;
}

static bool take_word(const char **text, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(*text, word, length) != 0)
        return false;
    *text += length;
    return true;
}

bool value_is_ca(const char *text)
{
    if (!take_word(&text, "rds-ca-"))
        return false;
    if (*text >= '0' && *text <= '9')
        return take(&text, DIGITS, 4, 4) && !*text;
    return take(&text, LOWER, 2, 8) && take(&text, DIGITS, 1, 5) && take_word(&text, "-g") &&
           take(&text, DIGITS, 1, 3) && !*text;
}

bool value_is_region(const char *text)
{
    size_t words = 0;
    if (strlen(text) >= REGION_BYTES_MAX)
        return false;
    for (; take(&text, LOWER, 1, REGION_BYTES_MAX); words++)
        if (!take_word(&text, "-"))
            return false;
    return words >= 2 && take(&text, DIGITS, 1, 2) && !*text;
}

bool value_is_account(const char *text)
{
    return take(&text, DIGITS, ACCOUNT_DIGITS, ACCOUNT_DIGITS) && !*text;
}

bool value_is_arn(const char *text)
{
    if (strlen(text) > ARN_BYTES_MAX || !take_word(&text, "arn:aws") || !take(&text, LOWER "-", 0, 16) ||
        !take_word(&text, ":") || !take(&text, LOWER DIGITS "-", 1, 32) || !take_word(&text, ":") ||
        !take(&text, LOWER DIGITS "-", 0, REGION_BYTES_MAX) || !take_word(&text, ":"))
        return false;
    return take(&text, DIGITS, ACCOUNT_DIGITS, ACCOUNT_DIGITS) && take_word(&text, ":") &&
           take(&text, ALPHABET DIGITS "_+=,.@:/-", 1, ARN_BYTES_MAX) && !*text;
}

bool value_is_identifier(const char *text)
{
    size_t length = strlen(text);
    return take(&text, ALPHABET, 1, IDENTIFIER_BYTES_MAX) && length <= IDENTIFIER_BYTES_MAX &&
           take(&text, ALPHABET DIGITS "-", 0, IDENTIFIER_BYTES_MAX) && !*text && text[-1] != '-';
}

bool value_is_engine(const char *text)
{
    return strlen(text) <= ENGINE_BYTES_MAX && take(&text, LOWER, 1, ENGINE_BYTES_MAX) &&
           take(&text, LOWER DIGITS "-", 0, ENGINE_BYTES_MAX) && !*text && text[-1] != '-';
}

bool value_is_engine_version(const char *text)
{
    return strlen(text) <= VERSION_BYTES_MAX && text_is_name(text) && strspn(text, "._-") == 0;
}
