#include <assert.h>
#include <curl/curl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/url.h"
#include "fuzz.h"

/* libcurl has to see the host that we see, and no user in what is shown. */
static void compare(const Url *url)
{
    char *host = NULL, *user = NULL;
    CURLU *whole = curl_url(), *shown = curl_url();
    _cleanup_free_ char *ours = url_host(url);
    assert(curl_url_set(shown, CURLUPART_URL, url->shown, 0) == CURLUE_OK);
    assert(curl_url_get(shown, CURLUPART_USER, &user, 0) == CURLUE_NO_USER);
    if (curl_url_set(whole, CURLUPART_URL, url->whole, 0) == CURLUE_OK) {
        assert(curl_url_get(whole, CURLUPART_HOST, &host, 0) == CURLUE_OK);
        assert(*host == '[' ||
               strcmp(host, ours) == 0); /* libcurl writes IPv6 addresses in their shortest form */
    }
    curl_free(host);
    curl_url_cleanup(whole);
    curl_url_cleanup(shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = xstrndup((const char *)data, size), *shown = url_redact(text),
                        *again = url_redact(shown), *within = xstrdup(text);
    _cleanup_(url_freep) Url *url = NULL;
    const char *why;
    assert(!strchr(shown, '@'));
    url_redact_within(within);
    assert(strlen(within) <= strlen(text));
    if (url_parse(text, &url, &why) == 0) {
        assert(!why && strcmp(url->shown, shown) == 0 && strcmp(shown, again) == 0 && !strchr(shown, '@'));
        if (!strstr(shown, "xn--") && !strchr(shown, '%') && strlen(shown) < 1000)
            compare(url);
    }
    return 0;
}
