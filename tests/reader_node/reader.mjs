// Opens containers from docs/container.md alone: no code, and no cryptographic library, is shared with the Python side.
//
// Standard input: a JSON list of jobs {container, ed25519, mldsa65, seed, partner, detached: {sha256: base64}}; bytes are
// base64, seed too. Standard output: a JSON list of {digest, header, body, parts} or {refused: code}.

import { createDecipheriv, createHash, createHmac, createPublicKey, timingSafeEqual, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js'
import { KEM_MLKEM768_X25519 } from '@panva/hpke-noble'
import * as HPKE from 'hpke'

const MEDIA_TYPE = 'application/vnd.liaison.ixm.v1'
const CHUNK = 16384, TAG = 16, PREFIX = 56

class Refused extends Error {}
const refuse = (code) => { throw new Refused(code) }
const sha256 = (...pieces) => { const h = createHash('sha256'); pieces.forEach((p) => h.update(p)); return h.digest() }
const bytes = (text) => Buffer.from(text, 'base64')
const ascii = (text) => Buffer.from(text, 'latin1')
const ZERO = Buffer.alloc(1)

class Reader {
  constructor(data) { this.data = data; this.at = 0 }
  take(length) {
    if (this.at + length > this.data.length) refuse('CONTAINER_MALFORMED')
    this.at += length
    return this.data.subarray(this.at - length, this.at)
  }
  number(length) { return this.take(length).readUIntBE(0, length) }
  long() { const n = this.take(8).readBigUInt64BE(); return n > 8388608n ? refuse('CONTAINER_LIMIT') : Number(n) }
  end() { if (this.at !== this.data.length) refuse('CONTAINER_MALFORMED') }
}

function parse(raw) {
  if (raw.length > 900000) refuse('CONTAINER_LIMIT')
  const outer = new Reader(raw)
  const magic = outer.take(4).toString('latin1')
  if (magic !== 'IXM1') refuse(magic.startsWith('IXM') ? 'SUITE_UNSUPPORTED' : 'CONTAINER_MALFORMED')
  const length = outer.number(4)
  if (length > 262144) refuse('CONTAINER_LIMIT')
  const manifest = outer.take(length)
  const slot = (size) => (outer.number(2) === size ? outer.take(size) : refuse('CONTAINER_MALFORMED'))
  const signatures = { ed25519: slot(64), mldsa65: slot(3309) }

  const inner = new Reader(manifest)
  const headerLength = inner.number(4)
  if (headerLength > 16384) refuse('CONTAINER_LIMIT')
  const headerBytes = inner.take(headerLength)
  const stanzas = []
  const stanzaCount = inner.number(2)
  if (stanzaCount < 1) refuse('CONTAINER_MALFORMED')
  if (stanzaCount > 64) refuse('CONTAINER_LIMIT')
  for (let i = 0; i < stanzaCount; i++) {
    const suite = inner.number(1), keyId = inner.take(32), size = inner.number(2)
    if (suite !== 1) refuse('SUITE_UNSUPPORTED')
    if (size !== 1168) refuse('CONTAINER_MALFORMED')
    stanzas.push({ keyId, enc: inner.take(1120), sealed: inner.take(48) })
  }
  const parts = []
  let total = 0
  const partCount = inner.number(2)
  if (partCount < 1) refuse('CONTAINER_MALFORMED')
  if (partCount > 256) refuse('CONTAINER_LIMIT')
  for (let i = 0; i < partCount; i++) {
    const place = inner.number(1), size = inner.long(), digest = inner.take(32)
    if (place > 1 || (i === 0 && place !== 0)) refuse('CONTAINER_MALFORMED')
    if (place === 0 && i > 0 && size > 131072) refuse('CONTAINER_MALFORMED')
    total += size
    if (total > 26214400) refuse('CONTAINER_LIMIT')
    parts.push({ detached: place === 1, size, digest })
  }
  inner.end()

  const header = readHeader(headerBytes)
  const named = header.ixmto.split(',').map((entry) => entry.split('/'))
  if (named.length !== stanzas.length || named.some(([, id], i) => id !== stanzas[i].keyId.toString('hex'))) {
    refuse('RECIPIENTS_MISMATCH')
  }
  if (new Set(named.map(([partner]) => partner)).size !== named.length) refuse('RECIPIENTS_MISMATCH')
  for (const part of parts.filter((p) => !p.detached)) {
    part.ciphertext = outer.take(part.size)
    if (!sha256(part.ciphertext).equals(part.digest)) refuse('PART_DIGEST')
  }
  outer.end()
  return { manifest, signatures, headerBytes, header, named, stanzas, parts }
}

const MANDATORY = ('specversion id source type subject time dataschema datacontenttype ixmto ixmfrom ixmexp ixmdir ixmlog '
  + 'ixmagr ixmbasis ixmpurpose ixmrole').split(' ')
const MEMBERS = new Set([...MANDATORY, 'ixmref', 'ixmstep', 'ixmfacts', 'ixmtest'])

// One object, flat, all texts, the members known, none twice. Their forms are not judged here.
function readHeader(raw) {
  let header
  const names = []
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(raw)
    header = JSON.parse(text)
    for (const [, name] of text.matchAll(/[{,]\s*("(?:[^"\\]|\\.)*")\s*:/g)) names.push(JSON.parse(name))
  } catch { refuse('HEADER_INVALID') }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) refuse('HEADER_INVALID')
  if (Object.values(header).some((value) => typeof value !== 'string')) refuse('HEADER_INVALID')
  if (names.length !== Object.keys(header).length) refuse('HEADER_INVALID')
  if (names.some((name) => !MEMBERS.has(name)) || MANDATORY.some((name) => !names.includes(name))) refuse('HEADER_INVALID')
  return header
}

function verifyBoth({ manifest, signatures, header }, ed25519, mldsa65) {
  const ids = [['ixm/v1/ed25519', ed25519], ['ixm/v1/mldsa65', mldsa65]]
  if (header.ixmfrom !== ids.map(([label, key]) => sha256(ascii(label), ZERO, key).toString('hex')).join(',')) {
    refuse('SIGNATURE_INVALID')
  }
  const text = Buffer.concat([ascii(`DSSEv1 ${MEDIA_TYPE.length} ${MEDIA_TYPE} ${manifest.length} `), manifest])
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: ed25519.toString('base64url') }, format: 'jwk' })
  if (!verify(null, text, key, signatures.ed25519)) refuse('SIGNATURE_INVALID')
  if (!ml_dsa65.verify(signatures.mldsa65, text, mldsa65, { context: ascii('ixm/v1') })) refuse('SIGNATURE_INVALID')
}

async function unwrap(container, seed, partner) {
  const index = container.named.findIndex(([name]) => name === partner)
  if (index < 0) refuse('RECIPIENTS_MISMATCH')
  const { keyId, enc, sealed } = container.stanzas[index]
  const suite = new HPKE.CipherSuite(KEM_MLKEM768_X25519, HPKE.KDF_HKDF_SHA256, HPKE.AEAD_AES_256_GCM)
  const hh = sha256(ascii('ixm/v1/header'), ZERO, container.headerBytes)
  const info = Buffer.concat([ascii('ixm/v1/cek'), ZERO, hh, keyId])
  try {
    const key = await suite.DeserializePrivateKey(new Uint8Array(seed))
    const contentKey = await suite.Open(key, new Uint8Array(enc), new Uint8Array(sealed), { info: new Uint8Array(info) })
    return { contentKey: Buffer.from(contentKey), hh }
  } catch { return refuse('OPEN_FAILED') }
}

function expand(key, info, length) {
  const blocks = []
  for (let i = 1, last = Buffer.alloc(0); i <= Math.ceil(length / 64); i++) {
    last = createHmac('sha512', key).update(last).update(info).update(Buffer.from([i])).digest()
    blocks.push(last)
  }
  return Buffer.concat(blocks).subarray(0, length)
}

export function openChunks(contentKey, context, ciphertext) {
  if (ciphertext.length < PREFIX + TAG) refuse('OPEN_FAILED')
  const label = ascii('c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM')
  const derived = expand(contentKey, Buffer.concat([label, ZERO, ciphertext.subarray(0, 24), context]), 76)
  const key = derived.subarray(0, 32), base = derived.subarray(32, 44), commitment = derived.subarray(44)
  if (!timingSafeEqual(commitment, ciphertext.subarray(24, PREFIX))) refuse('OPEN_FAILED')
  const plain = []
  let last = false
  for (let at = PREFIX, i = 0; !last; i++, at += CHUNK + TAG) {
    const chunk = ciphertext.subarray(at, at + CHUNK + TAG)
    last = chunk.length < CHUNK + TAG
    if (chunk.length < TAG) refuse('OPEN_FAILED')
    const nonce = Buffer.from(base)
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ i) >>> 0, 8)
    const opener = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG })
    opener.setAuthTag(chunk.subarray(chunk.length - TAG))
    try { plain.push(opener.update(chunk.subarray(0, chunk.length - TAG)), opener.final()) } catch { refuse('OPEN_FAILED') }
  }
  return Buffer.concat(plain)
}

async function open(job) {
  const container = parse(bytes(job.container))
  verifyBoth(container, bytes(job.ed25519), bytes(job.mldsa65))
  const { contentKey, hh } = await unwrap(container, bytes(job.seed), job.partner)
  const plain = container.parts.map((part, i) => {
    const ciphertext = part.detached ? bytes(job.detached[part.digest.toString('hex')] ?? '') : part.ciphertext
    if (ciphertext.length !== part.size || !sha256(ciphertext).equals(part.digest)) refuse('PART_DIGEST')
    const index = Buffer.alloc(4)
    index.writeUInt32BE(i)
    return openChunks(contentKey, Buffer.concat([ascii('ixm/v1/part'), ZERO, hh, index]), ciphertext)
  })
  return {
    digest: sha256(container.manifest).toString('hex'),
    header: container.header,
    body: plain[0].toString('utf8').replace(/ +$/, ''),
    parts: plain.slice(1).map((part) => sha256(part).toString('hex')),
  }
}

const results = []
for (const job of JSON.parse(readFileSync(0, 'utf8'))) {
  try {
    results.push(await open(job))
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    results.push({ refused: error.message })
  }
}
process.stdout.write(JSON.stringify(results))
