import { type AdminApi, holdSignals, type PreparedFile, prepareSecretFile } from '../../witness-setup/index.ts';

type Issue = {
  readonly api: AdminApi;
  readonly cluster: string;
  readonly node: string;
  /** The node has a token by now, and it will be void. */
  readonly voids: boolean;
};

type Issued = { readonly token: string } | string;

/**
 * Has a token issued and writes it into its file. All that can go wrong with the file goes wrong before the token is
 * asked for, since that voids the former one. A text: what went wrong, and where the token is or how to get another.
 */
export async function issueInto(file: string, issue: Issue): Promise<Issued> {
  const prepared = prepareSecretFile(file, { replace: true });
  if (!prepared.ok) return prepared.reason;
  if (issue.voids) {
    process.stderr.write(
      `the former token of ${issue.node} is void from now on; a vote that it was given binds to its end\n`,
    );
  }
  return holdSignals(() => issueIntoPrepared(prepared.file, file, issue));
}

async function issueIntoPrepared(prepared: PreparedFile, file: string, { api, cluster, node }: Issue): Promise<Issued> {
  const another = `for another: tiebreak witness rotate ${node} --cluster ${cluster}`;
  const issued = await api.issueNodeToken(cluster, node);
  if (!issued.ok) {
    prepared.abandon();
    return issued.perhapsDone
      ? `${issued.error}; it may have issued a token all the same, which is lost; ${another}`
      : issued.error;
  }
  const written = prepared.write(`${issued.value}\n`);
  if (written.ok) return { token: issued.value };
  const rest = written.savedIn === undefined ? `it is lost; ${another}` : `it is in ${written.savedIn}: move it there`;
  return `${node} has a token, but it could not be written into ${file} (${written.reason}): ${rest}`;
}
