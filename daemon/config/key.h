#pragma once

/*
 * The table of keys: one entry per key drives the parser, the checker, the defaults, and, by way of dbcertd
 * --list-keys, the list in dbcertd.conf(5) and the example conf/dbcertd.conf.
 */

#include <stddef.h>
#include <stdint.h>

typedef enum KeyType {
    KEY_TEXT,       /* char * */
    KEY_TEXT_LIST,  /* char ** */
    KEY_INTEGER,    /* int64_t, min..max */
    KEY_DURATION,   /* int64_t seconds, min..max */
    KEY_BOOL,       /* bool */
    KEY_WORD,       /* int, by from_string */
    KEY_ENGINE,     /* char *, a name of model/engine's table */
    KEY_WINDOW,     /* Window */
    KEY_GROUP,      /* keys of its own, in the same struct */
    KEY_GROUP_LIST, /* a list of groups, each in a struct of its own */
} KeyType;

typedef struct Key {
    const char *name;
    KeyType type;
    size_t offset;    /* of the value in its struct; KEY_GROUP_LIST: of the number of its elements, a size_t */
    int64_t min, max; /* KEY_INTEGER, KEY_DURATION; KEY_TEXT: length; KEY_GROUP_LIST: elements */
    const char
        *fallback; /* the default, without quotes, of a list its only element; NULL: none, or it has a reason */
    const char
        *expected;       /* completes "expected ..."; NULL: of a duration its limits, of a bool true or false */
    const char *example; /* as fallback; NULL: the fallback */
    const char *help;    /* whole sentences for a manual */
    int (*from_string)(const char *text);
    const char *(*word)(int value); /* KEY_WORD: for suggestions, NULL past the last */
    const struct Key *keys;         /* KEY_GROUP, KEY_GROUP_LIST: ends with an empty name */
} Key;

extern const Key config_keys[];

/* As it would be written: "1h" with its quotes, [ "a" ], 5. NULL if it is a group. The caller frees. */
char *key_example(const Key *key);

/* What a value has to be: "a duration from 1s to 1m". The caller frees. */
char *key_takes(const Key *key);

/* What completes "expected ...": the same, with an example where that helps. The caller frees. */
char *key_expected(const Key *key);

/* Calls fn for every key with its full name: "interval", "trust", "trust.bundles", "endpoints[]",
 * "endpoints[].host". */
void key_for_each(void (*fn)(const char *name, const Key *key, void *userdata), void *userdata);
