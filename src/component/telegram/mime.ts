/** The type of a file, from what is known about it. Pure. */
const BY_EXTENSION: Readonly<Record<string, string>> = {
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  png: "image/png",
  webp: "image/webp",
  mp4: "video/mp4",
  webm: "video/webm",
  mp3: "audio/mpeg",
  ogg: "audio/ogg",
  oga: "audio/ogg",
  pdf: "application/pdf",
};
const UNKNOWN = "application/octet-stream";
const MIME = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/;

/** The sender's word, the name's ending, the download's type, the path's ending; "octet-stream" says nothing. */
export function mimeTypeOf(file: {
  given?: string | undefined;
  fileName?: string | undefined;
  downloaded?: string | undefined;
  path: string;
}): string {
  return (
    meaningful(file.given) ??
    byExtension(file.fileName) ??
    meaningful(file.downloaded) ??
    byExtension(file.path) ??
    UNKNOWN
  );
}

function meaningful(type: string | undefined): string | undefined {
  const plain = type?.split(";")[0]?.trim().toLowerCase() ?? "";
  return plain === UNKNOWN || !MIME.test(plain) ? undefined : plain;
}

function byExtension(name: string | undefined): string | undefined {
  const extension = /\.([A-Za-z0-9]+)$/.exec(name ?? "")?.[1]?.toLowerCase();
  return extension === undefined ? undefined : BY_EXTENSION[extension];
}
