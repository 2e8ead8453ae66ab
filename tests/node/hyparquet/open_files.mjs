// Reads columns of Parquet files with hyparquet, for tests/python/openers.py.
//
//     node open_files.mjs HYPARQUET < {"files": [...], "columns": [...]}
//
// HYPARQUET is the directory where scripts/install-readers.sh has put it. Prints {"columns": [[value, ...], ...]}, rows
// in the order of the files, or {"refused": message}. Values that JSON has no form for are objects: {"n": number as
// text}, {"i": 64-bit integer}, {"b": bytes in hex}, {"o": [fields]}; moments are asked for as integers.

import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const place = pathToFileURL(process.argv[2] + '/node_modules/').href
const { asyncBufferFromFile, parquetRead } = await import(place + 'hyparquet/src/node.js')
const { compressors } = await import(place + 'hyparquet-compressors/src/index.js')

const same = value => value
const parsers = {
  timestampFromMilliseconds: millis => millis * 1000n,
  timestampFromMicroseconds: same,
  dateFromDays: same,
  // Its own forms of these are no bytes: text that JSON.parse has read, and GeoJSON.
  geometryFromBytes: same,
  geographyFromBytes: same,
}

function shown(value) {
  if (value === undefined || value === null) return null
  if (typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'bigint') return { i: value.toString() }
  if (typeof value === 'number') return { n: Object.is(value, -0) ? '-0.0' : String(value) }
  if (value instanceof Uint8Array) return { b: Buffer.from(value).toString('hex') }
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return Array.from(value, shown)
  return { o: Object.values(value).map(shown) }
}

async function columnsOf({ files, columns }) {
  const found = columns.map(() => [])
  for (const path of files) {
    const file = await asyncBufferFromFile(path)
    // Objects, not arrays: those would come in the order of the file.
    await parquetRead({
      file, columns, compressors, parsers, utf8: false, geoparquet: false, rowFormat: 'object',
      onComplete: rows => rows.forEach(row => columns.forEach((name, at) => found[at].push(shown(row[name])))),
    })
  }
  return found
}

let answer
try {
  answer = { columns: await columnsOf(JSON.parse(readFileSync(0, 'utf8'))) }
} catch (error) {
  answer = { refused: String(error.message ?? error) }
}
process.stdout.write(JSON.stringify(answer))
