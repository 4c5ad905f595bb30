// The AWS SDK's parts that a page needs; bundled into one script, global name AWS.
export * from "@aws-sdk/client-kinesis-video";
export * from "@aws-sdk/client-kinesis-video-signaling";
export * from "@aws-sdk/client-iotsecuretunneling";
export * from "@aws-sdk/client-sts";
