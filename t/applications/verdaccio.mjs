// Verdaccio: a single-page application with its own sign-in, and npm.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import path from 'node:path';
import { packages } from './lib/site.mjs';

const own = { user: 'packer', password: 'verdaccio-pw' };

export const what = {
	name: 'verdaccio',
	replace: (site) => [[/127\.0\.0\.1:4873/g, `127.0.0.1:${site.appPort}`]],
	start(site) {
		const sha = createHash('sha1').update(own.password).digest('base64');

		site.write('verdaccio/htpasswd', `${own.user}:{SHA}${sha}:autocreated\n`);
		site.write('verdaccio/config.yaml', ['storage: ./storage', 'auth: { htpasswd: { file: ./htpasswd, max_users: -1 } }',
			'uplinks: {}', "packages: { '**': { access: $all, publish: $authenticated } }", 'max_body_size: 200mb',
			'log: { type: stdout, format: pretty, level: warn }', ''].join('\n'));
		site.run(process.execPath, [path.join(packages, 'verdaccio/bin/verdaccio'), '--config', site.file('verdaccio/config.yaml'),
			'--listen', `http://127.0.0.1:${site.appPort}`]);
	},
};


// npm, as a build machine calls it; gives what it said.

function npm(site, origin, ...args) {
	const host = origin.replace(/^https?:/, '');

	site.write('package/.npmrc', [`registry=${origin}/`, `${host}/:_auth=${Buffer.from(`${own.user}:${own.password}`).toString('base64')}`,
		'strict-ssl=false', 'audit=false', 'fund=false', 'update-notifier=false', `cache=${site.file('npm')}`, 'fetch-retries=0', ''].join('\n'));

	return new Promise((done) => {
		execFile('npm', args, { cwd: site.file('package'), timeout: 60000, env: { PATH: process.env.PATH, HOME: site.file('package') } },
			(e, out, err) => done({ status: e ? e.code : 0, text: out + err }));
	});
}


export async function use(t, person, site) {
	const { page } = person;
	const machines = `http://127.0.0.1:${site.inner}`;

	site.write('package/package.json', JSON.stringify({ name: 'gate-package', version: '1.0.0', description: 'Behind the gate' }));
	site.write('package/README.md', '# Gate package\n');

	const stopped = await npm(site, site.origin, 'publish');

	t.ok(stopped.status, 'npm does not get through the gate', stopped.text);
	t.ok(/E401/.test(stopped.text), 'and says 401', stopped.text);

	const published = await npm(site, machines, 'publish');

	t.is(published.status, 0, `by the address for machines it publishes (${published.text.slice(-300)})`);

	await page.goto(`${site.origin}/`);
	await page.getByText('gate-package').first().waitFor();
	t.ok(true, 'people see the package');

	// Verdaccio's own sign-in
	await page.locator('[data-testid="header--button-login"]').click();
	await page.locator('#login--dialog-username').fill(own.user);
	await page.locator('#login--dialog-password').fill(own.password);
	const login = page.waitForResponse((r) => /\/-\/verdaccio\/sec\/login$/.test(r.url()));

	await page.locator('#login--dialog-button-submit').click();
	t.is((await login).status(), 200, "the application's own sign-in");
	await page.locator('[data-testid="logInDialogIcon"], #header--button-account').first().waitFor();

	const detail = page.waitForResponse((r) => /\/sidebar\/gate-package/.test(r.url()));

	await page.getByText('gate-package').first().click();
	t.ok((await detail).request().headers().authorization?.startsWith('Bearer '), 'its token goes through the gate');
	t.is((await detail).status(), 200, 'a package is opened');
	await page.getByText('Gate package').first().waitFor();
	const dist = (await person.ask('/gate-package')).json?.versions?.['1.0.0']?.dist;

	t.is(dist?.tarball, `${site.origin}/gate-package/-/gate-package-1.0.0.tgz`, 'addresses of packages are those of the gate');
	t.is((await person.ask(new URL(dist.tarball).pathname)).status, 200, 'a package is loaded');

	await person.expire();
	await page.goBack();
	await page.getByText('Error loading').first().waitFor();
	await person.reload();
	await page.locator('[data-testid="logInDialogIcon"], #header--button-account').first().waitFor();
	t.ok(true, "the application's own sign-in has lasted");
	await page.getByText('gate-package').first().waitFor();
}
