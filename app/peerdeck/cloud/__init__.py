"""AWS calls: what enters is a request from core, what leaves are values from core or a CloudError.

`account.AwsAccount` owns credentials, clients and the threads that calls block on; it hands out
`kinesis_video.KinesisVideo` and `tunneling.SecureTunneling` by region, which know operations and
shapes and nothing of credentials. `signing` makes the signed WebSocket URL, `regions` knows what
botocore ships about regions.

botocore alone (no boto3), imported on the first call's thread: the window comes first. Profiles,
SSO, credential processes, proxies and AWS_ENDPOINT_URL_* are botocore's own doing; explicit keys
(the demo) ignore all of that machine's AWS configuration.

Every answer passes `answers.AnswerWatch` before botocore parses it: an answer that no AWS service
gives (a placeholder body, a web page) is caught there, since botocore would read it as an empty
success, and the `Date` header teaches how far this machine's clock is off. What the services
promise is checked again in `shapes` before it becomes a value: trust inside, doubt at the border.

`errors.translate` is the one place where botocore's errors become ours. Nothing secret survives it:
messages are scrubbed, and the causes that stay attached are scrubbed with them.
"""
