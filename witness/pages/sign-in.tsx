import { Page } from './page.tsx';

/** @param problem why the last attempt failed */
export function SignInPage({ cluster, nonce, problem }: { cluster: string; nonce: string; problem?: string }) {
  return (
    <Page title={cluster} nonce={nonce}>
      <form method="post" action={`/clusters/${cluster}/sign-in`}>
        <p>
          <label for="token">Token of a viewer</label>
          <input id="token" name="token" type="password" autocomplete="current-password" required autofocus />
          <button type="submit">Sign in</button>
        </p>
        {problem === undefined ? null : (
          <p class="bad" role="alert">
            {problem}
          </p>
        )}
      </form>
      <p class="soft">
        The admin issues one with <code>PUT /v1/clusters/{cluster}/viewers/NAME</code> (<a href="/reference">the API</a>
        ).
      </p>
    </Page>
  );
}
