#include "unit.h"

#include <curl/curl.h>
#include <errno.h>

#include "base/url.h"
#include "http/http.h"

/* What libcurl makes of it; NULL: nothing. The caller's. */
static char *part(const char *text, CURLUPart which)
{
    CURLU *handle = curl_url();
    char *value = NULL, *copy = NULL;
    if (curl_url_set(handle, CURLUPART_URL, text, 0) == CURLUE_OK &&
        curl_url_get(handle, which, &value, 0) == CURLUE_OK)
        copy = xstrdup(value);
    curl_free(value);
    curl_url_cleanup(handle);
    return copy;
}

TEST(a_url_is_shown_without_user_password_and_query_values)
{
    static const char *const cases[][2] = {
        { "http://127.0.0.1:9093", "http://127.0.0.1:9093" },
        { "http://dbcertd:s3cret@127.0.0.1:9093/", "http://127.0.0.1:9093/" },
        { "https://s3cret@mirror.test/a/b.pem", "https://mirror.test/a/b.pem" },
        { "https://:s3cret@mirror.test/b.pem", "https://mirror.test/b.pem" },
        { "https://u:s3%40c%2Fret@[2001:db8::1]:8443/b.pem", "https://[2001:db8::1]:8443/b.pem" },
        { "https://m.test/b.pem?X-Amz-Signature=s3cret&X-Amz-Date=1",
          "https://m.test/b.pem?X-Amz-Signature=***&X-Amz-Date=***" },
        { "https://m.test/b.pem?s3cret", "https://m.test/b.pem?***" },
        { "https://m.test/b.pem?a==s3cret&&b=", "https://m.test/b.pem?a=***&***&b=***" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *why;
        Url *url = NULL;
        assert_int_equal(url_parse(cases[i][0], &url, &why), 0);
        assert_string_equal(url->whole, cases[i][0]);
        assert_string_equal(url->shown, cases[i][1]);
        assert_int_equal(url_has_user(url), strchr(cases[i][0], '@') != NULL);
        url_free(url);
    }
}

TEST(a_url_that_parsers_could_read_differently_is_refused)
{
    static const char *const cases[] = {
        "",
        "127.0.0.1:9093",
        "ftp://h/",
        "HTTP://h/",
        "http:/h/",
        "http://",
        "http://:80/",
        "http://u:p@/",
        "http://a:9093,http://b:9093",
        "http://h:0/",
        "http://h:65536/",
        "http://h:99999",
        "http://h:80x/",
        "http://h:/",
        "http://u:pa#ss@h/",
        "http://u:1#ss@h/",
        "http://u:1/ss@h/",
        "http://u:1?ss@h/",
        "http://u:pa@ss@h/",
        "http://u:p\"@h/",
        "http://u:p w@h/",
        "http://h/a@b",
        "http://h/?a=b@c",
        "http://h/#x",
        "http://h/a'b",
        "http://h/a\\b",
        "http://[::1/",
        "http://[h]/",
        "http://h h/",
        "http://h\t/",
        "http://h/\xc3\xa4",
        "http://[::1]x/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://127.0.0.1.:80/",
        "http://a.0x1/",
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *why = NULL;
        Url *url = NULL;
        assert_int_equal(url_parse(cases[i], &url, &why), -EINVAL);
        assert_null(url);
        assert_non_null(why);
    }
}

TEST(what_is_no_url_is_redacted_all_the_same)
{
    static const char *const cases[][2] = {
        { "http://u:pa#s3cret@h/", "http://h/" },
        { "http://u:1/s3cret@h/", "http://h/" },
        { "u:s3cret@h:3128", "h:3128" },
        { "http://h/#s3cret", "http://h/#***" },
        { "http://u:pa?s3cret", "http://u:pa?***" },
        { "", "" },
        { "orders", "orders" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *shown = url_redact(cases[i][0]);
        assert_string_equal(shown, cases[i][1]);
    }
}

TEST(urls_in_a_text_lose_their_users_and_nothing_else_changes)
{
    static const char *const cases[][2] = {
        { "cannot connect to 'http://u:p#a@h:1', then https://x@y/",
          "cannot connect to 'http://h:1', then https://y/" },
        { "curl https://h/b.pem >>'/opt/app@2/store.pem'", "curl https://h/b.pem >>'/opt/app@2/store.pem'" },
        { "CREATE USER 'dbcertd'@'%'", "CREATE USER 'dbcertd'@'%'" },
        { "host \"http://u:p w'x@h/\": expected", "host \"http://h/\": expected" },
        { "://", "://" },
        { "a://b://c@d", "a://d" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *text = xstrdup(cases[i][0]);
        url_redact_within(text);
        assert_string_equal(text, cases[i][1]);
    }
}

/* Of 100,000 URLs put together by chance. */
TEST(a_url_that_is_taken_means_the_same_to_libcurl)
{
    static const char *const pieces[] = {
        "http://", "https://", "h",   "mirror.test", "127.0.0.1", "[::1]", ":",  "80", "@",     "/", "?",
        "#",       "u",        "%40", "=",           "&",         "..",    "\\", " ",  "x-y_z", "[", "]"
    };
    uint64_t chance = 1;
    size_t n_taken = 0;
    for (size_t i = 0; i < 100000; i++) {
        char text[128] = "http://";
        const char *why;
        Url *url = NULL;
        for (size_t n = (chance >> 33) % 7 + 1; n > 0; n--) {
            chance = chance * UINT64_C(6364136223846793005) + 1442695040888963407;
            strcat(text, pieces[(chance >> 33) % ARRAY_SIZE(pieces)]);
        }
        if (url_parse(text, &url, &why) < 0)
            continue;
        _cleanup_free_ char *host = url_host(url), *theirs = part(text, CURLUPART_HOST),
                            *shown = part(url->shown, CURLUPART_HOST), *user = part(text, CURLUPART_USER),
                            *hidden = part(url->shown, CURLUPART_USER);
        size_t bracket = theirs && *theirs == '[';
        if (!theirs)
            fail_msg("libcurl refuses %s", text);
        if (bracket)
            theirs[strlen(theirs) - 1] = 0;
        assert_string_equal(host, theirs + bracket);
        if (!shown)
            fail_msg("libcurl refuses what is shown, %s, of %s", url->shown, text);
        assert_null(hidden);
        assert_int_equal(user != NULL, url_has_user(url));
        url_free(url);
        n_taken++;
    }
    assert_true(n_taken > 1000);
}

TEST(a_credential_is_user_and_password_or_a_bearer_token)
{
    static const char *const fits[] = { "u:p", ":", "u:p:q", "u:p w", "Bearer abc.def-=" };
    static const char *const unfit[] = { "",          "token",       "Bearer ", "Bearer a b",
                                         "u:p\nX: y", "Bearer a\rb", "u:\x7f" };
    for (size_t i = 0; i < ARRAY_SIZE(fits); i++)
        assert_true(http_credential_fits(fits[i]));
    for (size_t i = 0; i < ARRAY_SIZE(unfit); i++)
        assert_false(http_credential_fits(unfit[i]));
}

RUN_TESTS(cmocka_unit_test(a_url_is_shown_without_user_password_and_query_values),
          cmocka_unit_test(a_url_that_parsers_could_read_differently_is_refused),
          cmocka_unit_test(what_is_no_url_is_redacted_all_the_same),
          cmocka_unit_test(urls_in_a_text_lose_their_users_and_nothing_else_changes),
          cmocka_unit_test(a_url_that_is_taken_means_the_same_to_libcurl),
          cmocka_unit_test(a_credential_is_user_and_password_or_a_bearer_token));
