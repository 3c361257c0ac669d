// TiddlyWiki: a page that saves by itself, and believes the name in a header.

import fs from 'node:fs';
import path from 'node:path';
import { packages } from './lib/site.mjs';
import { until } from '../browser/lib/rig.mjs';

export const what = {
	name: 'tiddlywiki',
	replace: (site) => [[/127\.0\.0\.1:8080/g, `127.0.0.1:${site.appPort}`]],
	start(site) {
		site.write('notes/tiddlywiki.info', JSON.stringify({
			plugins: ['tiddlywiki/tiddlyweb', 'tiddlywiki/filesystem'], themes: ['tiddlywiki/vanilla', 'tiddlywiki/snowwhite'] }));
		site.run(process.execPath, [path.join(packages, 'tiddlywiki/tiddlywiki.js'), site.file('notes'), '--listen',
			'host=127.0.0.1', `port=${site.appPort}`, 'authenticated-user-header=x-forwarded-user']);
	},
};


export async function use(t, person, site) {
	const { page } = person;
	const saved = () => {
		try {
			return fs.readdirSync(site.file('notes/tiddlers')).filter((f) => !f.startsWith('$'))
				.map((f) => fs.readFileSync(site.file('notes/tiddlers', f), 'utf8')).join('\n');
		} catch {
			return '';
		}
	};
	const button = (name) => page.getByRole('button', { name, exact: true }).first();

	const write = async (title, text) => {
		await button('new tiddler').click();
		await page.locator('.tc-titlebar input.tc-edit-texteditor, .tc-titlebar.tc-edit-texteditor').first().fill(title);
		await page.frameLocator('.tc-tiddler-edit-frame iframe').first().locator('textarea').fill(text);
		await page.locator('.tc-tiddler-edit-frame').locator('button[title^="Confirm"]').click();
		await page.locator('.tc-tiddler-view-frame', { hasText: text }).waitFor();
	};

	await page.goto(`${site.origin}/`);
	await page.locator('.tc-site-title').first().waitFor();
	await write('First', 'before the end');
	await until('the text to be saved', () => saved().includes('before the end'), 30000);
	t.ok(/^(?:creator|modifier): alice$/m.test(saved()), 'saved, with the name that nginx sent');
	t.is((await person.ask('/status')).json?.username, 'alice', 'the wiki knows who it is');

	await person.expire();
	const refused = page.waitForResponse((r) => r.request().method() == 'PUT' && r.status() == 401);

	await write('Second', 'typed when the session was over');
	await refused;
	t.ok(!saved().includes('typed when'), 'a text that is refused');
	await page.locator('.tc-alert', { hasText: '401' }).first().waitFor();
	t.is(await page.locator('.tc-tiddler-view-frame', { hasText: 'typed when' }).count(), 1, 'stays in the page');
	await person.inAnotherTab();
	await until('the text to be saved', () => saved().includes('typed when'), 40000);
	t.ok(true, 'and is saved after a sign-in in another tab');

	await person.expire();
	await person.reload();
	await page.locator('.tc-site-title').first().waitFor();
	t.is((await person.ask('/recipes/default/tiddlers/Second')).json?.text, 'typed when the session was over', 'it is there');
}
