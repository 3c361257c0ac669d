# Languages: their files, how one is chosen, and that the choice is remembered.

use Totp::Test;
use utf8;

use Encode ();

binmode Test::More->builder->$_, ':encoding(UTF-8)'
    for qw(output failure_output todo_output);


# The files: the keys and placeholders of English, and a word on who read them.

sub lang_file {
    my ($path) = @_;
    open my $fh, '<:raw', $path or die "$path: $!";
    my $text = do { local $/; <$fh> };
    my %text;
    for (split /\n/, Encode::decode('UTF-8', $text, Encode::FB_CROAK)) {
        next if /\A\s*(?:#|\z)/;
        my ($key, $value) = /\A([a-z][\w.]*) = (\S.*)\z/
            or die "$path: bad line: $_";
        die "$path: $key twice" if exists $text{$key};
        $text{$key} = $value;
    }
    return \%text;
}

sub placeholders { return join ' ', sort $_[0] =~ /(\{\w*\})/g }

my %plural = (none => ['other'], one => [qw(one other)], french => [qw(one other)],
              polish => [qw(one few many other)],
              arabic => [qw(one two few many other)]);

my $folder = 'ngx_http_totp_module/page/lang';
my %lang = map { m{([\w-]+)\.lang\z} ? ($1 => lang_file($_)) : () }
           glob "$folder/*.lang";
my $en = $lang{en};

for my $tag (sort keys %lang) {
    my $l = $lang{$tag};
    my @problems;

    my %want = map { $_ => $en->{$_} } grep { !/\Aunit\./ } keys %$en;
    for my $unit (qw(seconds minutes hours)) {
        $want{"unit.$unit.$_"} = '{n}'
            for @{ $plural{ $l->{'lang.plural'} || '' } || [] };
    }

    push @problems, "misses $_" for grep { !exists $l->{$_} } sort keys %want;
    push @problems, "has $_" for grep { !exists $want{$_} } sort keys %$l;
    for my $key (grep { exists $want{$_} } sort keys %$l) {
        # "one minute", "two minutes" may be words
        next if $key =~ /\Aunit\..*\.(?:one|two)\z/ && $l->{$key} !~ /[{}]/;
        my ($is, $should) = map { placeholders($_) } $l->{$key}, $want{$key};
        push @problems, "$key: '$is' for '$should'" if $is ne $should;
    }
    push @problems, 'lang.dir' unless $l->{'lang.dir'} =~ /\A(?:ltr|rtl)\z/;

    is(join('; ', @problems), '', "$tag: keys and placeholders");
}

is(join(' ', sort keys %lang), 'ar de en es fr it ja nl pl pt zh-Hans',
    'the languages');


# Which one is shown

my $t = Totp::Test->new(users => ['alice'], server => <<'END');
        totp on;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
END

my %heading = map { $_ => $lang{$_}{'login.heading'} } keys %lang;

sub text { my ($r) = @_; return Encode::decode('UTF-8', $r->body) }

sub shows {
    my ($r, $tag, $name) = @_;
    my ($html) = text($r) =~ /<html ([^>]*)>/;
    is($html, "lang=\"$tag\" dir=\"$lang{$tag}{'lang.dir'}\"", "$name: $tag");
    is($r->header('Content-Language'), $tag, "$name: and says so");
    like(text($r), qr{<h1>\Q$heading{$tag}\E</h1>}, "$name: heading");
    return;
}

for ([undef, 'en'], ['de', 'de'], ['de-AT,en;q=0.5', 'de'], ['en-GB,de;q=0.9', 'en'],
     ['pt-BR', 'pt'], ['zh-CN,zh;q=0.9', 'zh-Hans'], ['zh', 'zh-Hans'],
     ['tlh, ar;q=0.5', 'ar'], ['tlh', 'en'], ['fr;q=0, de;q=0.1', 'de'],
     ['', 'en'], ["\xff;;q=9,,", 'en'])
{
    my ($accept, $tag) = @$_;
    my $r = $t->client->get_html('/2fa/login',
                defined $accept ? ('Accept-Language' => $accept) : ());
    shows($r, $tag, 'Accept-Language ' . (defined $accept
                ? Encode::decode('latin1', $accept) : 'not sent'));
}

is($t->client->get_json('/x', 'Accept-Language' => 'de')->json->{message},
    $lang{de}{'error.login_required'}, 'a message of JSON has the language, too');


# Chosen by a link, remembered by a cookie

my $c = $t->client;
my $r = $c->get_html('/2fa/login?next=%2Fa%3Fb%3D1%26c', 'Accept-Language' => 'fr');
my %link = text($r) =~ m{<li><a href="([^"]+)" lang="([\w-]+)"}g;
%link = reverse %link;
is(join(' ', sort keys %link), join(' ', sort keys %lang), 'a link to each');
like(text($r), qr{lang="fr" hreflang="fr" aria-current="true">\Q$lang{fr}{'lang.name'}\E},
    'the one that is shown is marked, and each has its own name');
is($r->set_cookie('totp_lang'), undef, 'what the browser asks for is not remembered');

$link{de} =~ s/&amp;/&/g;
is($link{de}, '/2fa/login?lang=de&next=%2Fa%3Fb%3D1%26c', 'a link keeps next');
$r = $c->get_html($link{de}, 'Accept-Language' => 'fr');
shows($r, 'de', 'by the link');
is($c->hidden($r->body, 'next'), '/a?b=1&c', 'next is still there');
my $cookie = $r->set_cookie('totp_lang');
is($cookie->{value}, 'de', 'it is remembered');
is($cookie->{'max-age'}, 31536000, 'for a year');
like($cookie->{text}, qr/; Path=\/; HttpOnly; SameSite=Lax\z/, 'as the session is');

shows($c->get_html('/2fa/login', 'Accept-Language' => 'fr'), 'de', 'afterwards');
is($c->get_json('/x', 'Accept-Language' => 'fr')->json->{message},
    $lang{de}{'error.login_required'}, 'at the gate, too');
shows($c->get_html('/2fa/login?lang=ja'), 'ja', 'another link');
shows($c->get_html('/2fa/login?lang=DE'), 'de', 'in capitals');

$r = $t->client->get_html('/2fa/?lang=pl&next=/y');
is_redirect($r, '/2fa/login', '/y', 'a redirection');
is($r->set_cookie('totp_lang')->{value}, 'pl', 'remembers as well');

for (['xx', 'no such language'], ['', 'empty'], ['de&lang=fr', 'twice'],
     ['%zz', 'malformed'], ['de%0d%0aX:1', 'with a line break'], ['e' x 300, 'long'],
     ['en%00', 'with NUL'])
{
    $r = $t->client->get_html("/2fa/login?lang=$_->[0]");
    is($r->status, 200, "lang $_->[1]: the page all the same");
    is($r->set_cookie('totp_lang'), undef, "lang $_->[1]: is not remembered");
    is($r->header('Content-Language'), 'en', "lang $_->[1]: English");
}

$r = $t->client->get_html('/2fa/login?lang=de', 'Sec-Fetch-Site' => 'cross-site');
is($r->header('Content-Language'), 'de', 'from another site: shown');
is($r->set_cookie('totp_lang'), undef, 'but not remembered');

$r = $t->client->get_html('/2fa/login', Cookie => 'totp_lang="><script>');
is($r->header('Content-Language'), 'en', 'a cookie that is no tag counts for nothing');
unlike($r->body, qr/"><script>/, 'and does not come back');


# The first page is light in every language, with all that it asks for.

for my $tag (sort keys %lang) {
    my $c = $t->client;
    my $all = $c->get_html("/2fa/login?lang=$tag");
    my @more = $all->body =~ /(?:src|href)="([^"#]+\.(?:css|js)[^"]*)"/g;
    my $bytes = length $all->{head} . $all->body;
    for (@more) {
        s/&amp;/&/g;
        $bytes += length $_->{head} . $_->body for $c->get($_);
    }

    is(scalar @more, 2, "$tag: one style sheet and one script");
    cmp_ok($bytes, '<', 15 * 1024, "$tag: the first page under 15 KB");
}


# The application sees neither the cookie nor a changed address

my $alice = $t->client->ready('alice');
$alice->get_html('/2fa/settings?lang=nl');
is($alice->cookie('totp_lang'), 'nl', 'chosen when signed in');
$r = $alice->request('GET', '/x?lang=de', headers => [], cookies => 1);
through($r, 'through');
is($r->set_cookie('totp_lang'), undef, 'lang in an address of the application is its own');
ok(!(grep { /totp_lang/ } map { $_->{head} } $t->app->requests),
    'our cookies do not reach the application');

my $page = text($alice->get_html('/2fa/settings'));
like($page, qr{\Q$lang{nl}{'settings.heading'}\E}, 'settings in Dutch');
is($alice->get_html('/2fa/nowhere')->body =~ /hreflang/, '',
    'an error page has no links: the address may do something else');

$t->finish;

done_testing;
