#pragma once

/*
 * The table of keys: one line per key drives the parser, the checker, the defaults and the man page (dbcertd
 * --list-keys prints it, and a test holds docs/dbcertd.conf.5 against it).
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
    const char *fallback; /* the default, as it would be written; NULL: none */
    const char *expected; /* completes "expected ..." */
    int (*from_string)(const char *text);
    const char *(*word)(int value); /* KEY_WORD: for suggestions, NULL past the last */
    const struct Key *keys;         /* KEY_GROUP, KEY_GROUP_LIST: ends with an empty name */
} Key;

extern const Key config_keys[];

/* Calls fn for every key with its full name: "interval", "trust.bundles", "endpoints[].host". */
void key_for_each(void (*fn)(const char *name, const Key *key, void *userdata), void *userdata);
