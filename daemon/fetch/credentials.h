#pragma once

/*
 * Keys to the API: from the EC2 instance's metadata (IMDSv2), a container's endpoint, the environment or a
 * systemd credential; with a role, that role's, from STS. They are asked for when they are needed, and whoever
 * gets them wipes them.
 */

#include "http/http.h"
#include "model/discovery.h"

typedef struct CredentialsQuestion CredentialsQuestion;

/*
 * *credentials are written by the answer: good ones, or none and why in `error`, a sentence without secrets.
 * The source and the credentials are borrowed until then. Never answered from within this call. Negative errno
 * if it could not begin.
 */
int credentials_ask(CredentialsQuestion **ret, sd_event *event, Http *http, const RdsSource *source,
                    Credentials *credentials, void (*answered)(const char *error, void *userdata),
                    void *userdata);

/* NULL is fine. */
void credentials_cancel(CredentialsQuestion *question);

/* "https://rds.us-east-1.amazonaws.com/", "https://sts.cn-north-1.amazonaws.com.cn/". The caller's. */
char *aws_endpoint_url(const char *service, const char *region);
