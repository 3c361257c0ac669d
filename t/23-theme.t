# The operator's own pages, style, logo and words.

use Totp::Test;

use File::Temp ();

my $dir = File::Temp::tempdir('totp-theme-XXXXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;
mkdir "$dir/pages";

sub put {
    my ($name, $text) = @_;
    open my $fh, '>', "$dir/$name" or die "$name: $!";
    print $fh $text;
    close $fh or die "$name: $!";
    return;
}

my $lines = "totp_pages $dir/pages; totp_logo $dir/logo.svg;
             totp_stylesheet $dir/own.css; totp_help 'Room <7>';";

put('logo.svg', '<svg xmlns="http://www.w3.org/2000/svg"/>');
put('own.css', ':root { --accent: #060; }');
put('pages/logout.html', "<h1>Leave <b>{{issuer}}</b>?</h1>\n"
    . "<form method=\"post\" action=\"{{portal}}logout\">"
    . "<input type=\"hidden\" name=\"csrf\" value=\"{{csrf}}\">"
    . "<button>Yes</button></form>{{#help}}<p id=\"h\">{{help}}</p>{{/help}}\n");

my $gate = <<"END";
        totp on; totp_issuer 'A & B';
        $lines
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
END

my $t = Totp::Test->new(users => ['alice'], server => $gate);
my $c = $t->client;
$c->login('alice');

my $body = $c->get_html('/2fa/logout')->body;
like($body, qr{<h1>Leave <b>A &amp; B</b>\?</h1>}, 'the page is the operator\'s');
like($body, qr{<p id="h">Room &lt;7&gt;</p>}, 'values are escaped in it');
like($body, qr{<main\b}, 'within the built-in layout');
like($c->get_html('/2fa/settings')->body, qr{<h1}, 'other pages are built in');

my %seen;
$seen{$1} = $2 while $body =~ m{="(/2fa/assets/(own|logo|style)\.[0-9a-f]+\.\w+)"}g;
is(join(' ', sort values %seen), 'logo own style', 'style, own style and logo');
for my $uri (sort keys %seen) {
    my $r = $c->get($uri);
    is($r->status, 200, $uri);
    like($r->header('Cache-Control'), qr/public.*immutable/, 'may be kept for ever');
}
my ($own) = grep { $seen{$_} eq 'own' } keys %seen;
like($c->get($own)->body, qr/--accent: #060/, 'the own style is what was given');
is($c->get("$own.x")->status, 404, 'another name is nothing');


# A mistake stops the start, with file and line.

sub stops {
    my ($text, $like, $name) = @_;
    put('pages/logout.html', $text);
    my $other = Totp::Test->new(users => ['alice'], server => $gate, start => 0);
    my ($status, $out) = $other->config_test;
    ok($status, "$name: nginx -t fails");
    like($out, $like, "$name: and says where");
    $other->finish;
    return;
}

stops("<h1>x</h1>\n{{nonsense}}\n", qr/logout\.html:2/, 'an unknown name');
stops("<h1>x</h1>\n\n{{#help}}\n", qr/logout\.html:\d/, 'a section left open');
stops("{{t.no.such.text}}\n", qr/logout\.html:1/, 'an unknown text');
stops("{{>content}} {{<script}}", qr/logout\.html:1/, 'what is no tag');

$t->finish;

done_testing;
