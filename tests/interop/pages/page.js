// A viewer and a master as the SDK's own samples have them.
"use strict";

const interop = (() => {
  const LIMIT_MS = 20000;
  const session = { texts: [], statuses: [], peers: new Map(), arrived: new EventTarget() };
  let signaling = null;
  let failed = null;

  function fail(error) {
    failed = failed ?? error;
    session.arrived.dispatchEvent(new Event("change"));
  }

  function changed() {
    session.arrived.dispatchEvent(new Event("change"));
  }

  // Resolves with the first truthy value of `look`, which is asked again at every change.
  function until(what, look) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => finish(reject, new Error(`no ${what} in time`)), LIMIT_MS);
      function finish(end, value) {
        clearTimeout(timer);
        session.arrived.removeEventListener("change", ask);
        end(value);
      }
      function ask() {
        if (failed) return finish(reject, failed);
        const value = look();
        if (value) finish(resolve, value);
      }
      session.arrived.addEventListener("change", ask);
      ask();
    });
  }

  // What the samples ask AWS for, with the SDK: endpoints by protocol, ICE servers.
  async function access(config) {
    const { region, arn, credentials, role, clientId } = config;
    const video = new AWS.KinesisVideoClient({ region, credentials, endpoint: config.endpoint });
    const found = await video.send(new AWS.GetSignalingChannelEndpointCommand({
      ChannelARN: arn,
      SingleMasterChannelEndpointConfiguration: { Protocols: ["WSS", "HTTPS"], Role: role },
    }));
    const endpoints = Object.fromEntries(
      found.ResourceEndpointList.map((e) => [e.Protocol, e.ResourceEndpoint]));
    const channel = new AWS.KinesisVideoSignalingClient(
      { region, credentials, endpoint: endpoints.HTTPS });
    const answer = await channel.send(
      new AWS.GetIceServerConfigCommand({ ChannelARN: arn, ClientId: clientId || undefined }));
    const iceServers = answer.IceServerList.map((s) => (
      { urls: s.Uris.filter(wanted(config.relay)), username: s.Username, credential: s.Password }));
    if (!config.relay && config.stun) iceServers.push({ urls: config.stun });
    return { endpoints, iceServers };
  }

  // relay: "udp", "tcp", "tls", or "" for all.
  function wanted(relay) {
    if (relay === "tls") return (uri) => uri.startsWith("turns:");
    if (relay) return (uri) => uri.startsWith("turn:") && uri.endsWith(`transport=${relay}`);
    return () => true;
  }

  function makePeer(iceServers, config, clientId) {
    const iceTransportPolicy = config.relay ? "relay" : "all";
    const peer = new RTCPeerConnection({ iceServers, iceTransportPolicy });
    session.peers.set(clientId, peer);
    peer.addEventListener("icecandidate", ({ candidate }) => {
      if (candidate) signaling.sendIceCandidate(candidate, config.role === "MASTER" ? clientId : undefined);
    });
    peer.addEventListener("icecandidateerror", (e) => console.warn(e.url, e.errorCode, e.errorText));
    peer.addEventListener("connectionstatechange", changed);
    return peer;
  }

  function openSignaling(config, endpoint) {
    signaling = new KVSWebRTC.SignalingClient({
      channelARN: config.arn,
      channelEndpoint: endpoint,
      clientId: config.clientId || undefined,
      role: config.role,
      region: config.region,
      credentials: config.signer ?? config.credentials,
    });
    signaling.on("error", (error) => fail(error instanceof Error ? error : new Error("signaling")));
    signaling.on("statusResponse", (status) => { session.statuses.push(status); changed(); });
    signaling.on("close", () => { session.closed = true; changed(); });
    signaling.on("open", () => { session.open = true; changed(); });
    return signaling;
  }

  function listen(channel) {
    session.channel = channel;
    channel.addEventListener("message", ({ data }) => { session.texts.push(data); changed(); });
    channel.addEventListener("open", changed);
  }

  // Joins as viewer; resolves when the answer has been applied.
  async function view(config) {
    const { endpoints, iceServers } = await access(config);
    openSignaling(config, endpoints.WSS);
    const peer = makePeer(iceServers, config, "");
    const video = document.querySelector("video");
    if (config.sends) {
      const stream = await navigator.mediaDevices.getUserMedia({ video: true, audio: true });
      stream.getTracks().forEach((track) => peer.addTrack(track, stream));
    } else {
      peer.addTransceiver("video", { direction: "recvonly" });
      peer.addTransceiver("audio", { direction: "recvonly" });
    }
    listen(peer.createDataChannel("kvsDataChannel"));
    peer.addEventListener("track", ({ track, streams }) => {
      if (track.kind === "video") video.srcObject = streams[0] ?? new MediaStream([track]);
    });
    signaling.on("open", async () => {
      await peer.setLocalDescription(await peer.createOffer());
      signaling.sendSdpOffer(peer.localDescription, undefined, "offer");
      session.offerCharacters = btoa(JSON.stringify(peer.localDescription)).length;
    });
    signaling.on("sdpAnswer", (answer) => peer.setRemoteDescription(answer).then(changed, fail));
    signaling.on("iceCandidate", (candidate) => peer.addIceCandidate(candidate).catch(fail));
    signaling.open();
    await until("answer", () => peer.remoteDescription);
  }

  // Milliseconds from now, when nothing is known of the channel, until the first picture was handed
  // to the compositor: earlier than a person sees it.
  async function firstPicture(config) {
    const clicked = performance.now();
    const video = document.querySelector("video");
    const seen = new Promise((done) => {
      video.requestVideoFrameCallback((now, frame) => done(frame.presentationTime));
    });
    await view(config);
    return await Promise.race([seen, until("picture", () => false)]) - clicked;
  }

  // Leaves, and forgets the session.
  function reset() {
    end();
    document.querySelector("video").srcObject = null;
    Object.assign(session, { texts: [], statuses: [], open: false, channel: null });
    session.peers.clear();
    failed = null;
  }

  // Resolves when so many pictures have been shown; with the video element's size.
  async function shown(count) {
    const video = document.querySelector("video");
    let seen = 0;
    const next = () => {
      seen += 1;
      changed();
      video.requestVideoFrameCallback(next);
    };
    video.requestVideoFrameCallback(next);
    await until(`${count} pictures`, () => seen >= count);
    return { width: video.videoWidth, height: video.videoHeight };
  }

  // Serves viewers with the fake camera and microphone; resolves when online.
  async function serve(config) {
    const { width, height, fps } = config;
    const stream = await navigator.mediaDevices.getUserMedia(
      { video: { width, height, frameRate: fps }, audio: true });
    const { endpoints, iceServers } = await access(config);
    openSignaling(config, endpoints.WSS);
    signaling.on("sdpOffer", (offer, clientId) => answer(offer, clientId).catch(fail));
    signaling.on("iceCandidate", (candidate, clientId) => {
      session.peers.get(clientId).addIceCandidate(candidate).catch(fail);
    });
    async function answer(offer, clientId) {
      const peer = makePeer(iceServers, config, clientId);
      peer.addEventListener("datachannel", ({ channel }) => {
        listen(channel);
        channel.addEventListener("message", ({ data }) => channel.send(`echo: ${data}`));
        channel.send("welcome");
      });
      stream.getTracks().forEach((track) => peer.addTrack(track, stream));
      await peer.setRemoteDescription(offer);
      await peer.setLocalDescription(await peer.createAnswer());
      signaling.sendSdpAnswer(peer.localDescription, clientId, "answer");
    }
    signaling.open();
    await until("signaling", () => session.open);
  }

  async function say(text) {
    await until("data channel", () => session.channel?.readyState === "open");
    session.channel.send(text);
  }

  // The first text that came, or comes, and matches.
  function text(pattern) {
    const wanted = new RegExp(pattern);
    return until(`text like ${pattern}`, () => session.texts.find((t) => wanted.test(String(t))));
  }

  function connected() {
    return until("connection", () =>
      [...session.peers.values()].some((peer) => peer.connectionState === "connected"));
  }

  // Every report of every connection's getStats().
  async function stats() {
    const reports = [];
    for (const peer of session.peers.values()) {
      (await peer.getStats()).forEach((report) => reports.push(report));
    }
    return reports;
  }

  function statuses() {
    return session.statuses;
  }

  function offerCharacters() {
    return session.offerCharacters;
  }

  function end() {
    signaling?.close();
    session.peers.forEach((peer) => peer.close());
  }

  // One call of the AWS SDK from this page; what came, or the error as the SDK reads it.
  async function call(client, command, options, input) {
    try {
      const answer = await new AWS[client](options).send(new AWS[command](input));
      const { $metadata, ...fields } = answer;
      return { fields, status: $metadata.httpStatusCode, requestId: $metadata.requestId };
    } catch (error) {
      return {
        error: error.name,
        message: error.message,
        status: error.$metadata?.httpStatusCode,
        requestId: error.$metadata?.requestId,
      };
    }
  }

  return { view, firstPicture, reset, shown, serve, say, text, connected, stats, statuses, offerCharacters, end, call };
})();
